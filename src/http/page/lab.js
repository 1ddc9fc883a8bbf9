// The latest messages and rate runs of every node's lab. Set as text.
import { ago, count, element, newRow, table } from "./panels.js";

const EVERY_MS = 4000;
const NO_LAB_MS = 60000;
const ANSWER_MS = 3000;
const MOST_ROWS = 12;

/** Three digits of a value, in one of `units`: each is a thousand of the one before. */
export function scaled(value, units) {
	let unit = 0;
	for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
	return `${value >= 999.5 || !unit ? count(Math.round(value)) : value.toPrecision(3)} ${units[unit]}`;
}

export const took = (seconds) => seconds == null ? "–" : scaled(seconds * 1e6, ["µs", "ms", "s"]);
export const speed = (bytes) => bytes == null ? "–" : scaled(bytes, ["B/s", "kB/s", "MB/s", "GB/s"]);

export function text({ text, cut }) {
	return `${text ?? ""}${cut ? "…" : ""}`;
}

// The cells of a row between node and time; a single read has no duration.
export const LISTS = {
	messages: (one) => [
		text(one), count(one.bytes), count(one.reads), one.reads > 1 ? took(one.seconds) : "–", one.end, one.peer,
	],
	rates: (one) => [
		speed(one.bytes_per_second), count(one.bytes), took(one.seconds),
		one.segments == null ? "–" : count(one.segments), count(one.reads),
		`${count(one.connections)} ${one.connect}${one.overlapped ? ", overlapped" : ""}`, one.outcome, one.peer,
	],
};

/** Sets the cells of a table, row by row. */
export function fill(body, list) {
	while (body.rows.length > list.length) body.lastChild.remove();
	list.forEach((cells, index) => {
		const row = body.rows[index] ?? newRow(body);
		cells.forEach((value, i) => {
			const cell = row.cells[i].firstChild ?? row.cells[i].appendChild(element("div"));
			// Unchanged text is not set again: it may be selected.
			if (cell.textContent !== String(value)) cell.textContent = String(value);
		});
	});
}

/** Fetches them while the page is visible. */
export function lab(ring) {
	const latest = { messages: new Map(), rates: new Map() }; // by node
	const tables = {
		messages: table("messages", "Latest messages", "To|Message|#Bytes|#Reads|#Took|Ended by|From|When"),
		rates: table("rates", "Latest rate runs", "To|#Speed|#Bytes|#Took|#Segments|#Reads|Connections|Outcome|From|When"),
	};

	/** Fetches a list; whether the node has a lab. */
	async function fetched(path, node) {
		try {
			const answer = await fetch(`${ring.url(node)}/${path}`, { signal: AbortSignal.timeout(ANSWER_MS) });
			if (!answer.ok) return false;
			const now = performance.now();
			const list = (await answer.json()).latest.slice(0, MOST_ROWS);
			latest[path].set(node, list.map((one) => ({ one, node, at: now - one.age_seconds * 1000 })));
			return true;
		} catch {
			return false; // The node is away or busy: keep its last answer.
		}
	}

	function show(path) {
		const all = [...latest[path].values()].flat().sort((a, b) => b.at - a.at);
		document.getElementById(`${path}-section`).hidden = !all.length;
		const shown = all.slice(0, MOST_ROWS);
		fill(tables[path], shown.map(({ one, node, at }) => [node, ...LISTS[path](one), ago((performance.now() - at) / 1000)]));
	}

	async function ask() {
		const open = document.hidden ? [] : ring.open();
		let some = false;
		for (const path of Object.keys(LISTS)) {
			const answers = await Promise.all(open.map((node) => fetched(path, node)));
			some ||= answers.includes(true);
			show(path);
		}
		setTimeout(ask, some || !open.length ? EVERY_MS : NO_LAB_MS);
	}

	Object.keys(LISTS).forEach(show);
	setTimeout(ask, 800);
}
