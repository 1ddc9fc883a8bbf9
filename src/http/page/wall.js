// The page of the lab: what came to all nodes, live. Set as text.
import { Ring } from "./ring.js";
import { LISTS, fill, scaled, speed, text, took } from "./lab.js";
import { ago, count, element, table } from "./panels.js";
import { Figure, draw, point } from "./figure.js";
import "./theme.js";

const MOST = { rates: 1000, messages: 100 };
const MOST_SENDERS = 60;
const MOST_ROWS = 30;
const SHOW_MS = 150;
const LINE_MS = 60000; // what the line of an open connection shows at most
const MOST_SAMPLES = 240;
const ROUND_MS = 15000; // in which each node without a stream is asked
const PAUSE_MS = 250;
const ANSWER_MS = 3000;
const PATIENCE_MS = 4000;
const COLORS = ["#2f74dd", "#d6453d", "#1c9a66", "#c07400", "#8d5bd8", "#0b97ab", "#cc3f93", "#7c8b12"];
const KINDS = { messages: "receiver", rates: "rate endpoint" };
const HINT = "Point at a mark to read its figures; the arrow keys go on.";

const byId = (id) => document.getElementById(id);
const bytes = (number) => (number < 1000 ? `${number} B` : scaled(Number(number), ["B", "kB", "MB", "GB"]));
const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const set = (target, value) => target.textContent !== value && (target.textContent = value);

const ring = new Ring(changed, { lab: true });
const figure = new Figure(byId("figure"), (run) => told(run));
const runRows = table("rates", "Runs", "To|#Speed|#Bytes|#Took|#Segments|#Reads|Connections|Outcome|From|When");
const kept = { messages: new Map(), rates: new Map() }; // by key, oldest first
const open = new Map(); // by node: its open connections
const lines = new Map(); // by connection: its samples
const senders = new Map(); // by address: colour, whether it is shown, its row
const heard = new Set(); // nodes whose lab was heard of
let waiting = null;

function changed(kind, detail) {
	if (kind === "lab") for (const path in KINDS) if (detail.lists[path]) take(detail.node, path, detail.lists[path]);
	renew();
}

/** Once for all that comes within a moment. */
function renew() {
	waiting ??= setTimeout(show, SHOW_MS);
}

const addressOf = (peer) => String(peer).replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

function take(node, path, { latest, open: now }) {
	heard.add(node);
	for (const one of (latest ?? []).toReversed()) {
		const key = [node, one.number, one.peer, one.bytes, one.seconds].join();
		if (kept[path].has(key)) continue;
		const address = path === "rates" ? one.peer : addressOf(one.peer);
		const ended = performance.now() - one.age_seconds * 1000;
		const item = { ...one, node, key, address, ended };
		if (path === "rates") item.at = point(one);
		kept[path].set(key, item);
		sender(address);
	}
	// A node that is heard of for the first time brings older items than others.
	for (const { key } of inOrder(path).slice(0, -MOST[path])) kept[path].delete(key);
	if (now) sample(node, path, now);
}

/** An address that sends. Of too many, the oldest is forgotten, with all of it. */
function sender(address) {
	if (!senders.has(address)) senders.set(address, { address, color: colorOf(address), shown: true });
	if (senders.size <= MOST_SENDERS) return senders.get(address);
	const [gone, { row }] = senders.entries().next().value;
	senders.delete(gone);
	row?.remove();
	for (const path in kept) for (const { key, address } of [...kept[path].values()]) if (address === gone) kept[path].delete(key);
	return senders.get(address);
}

/** By the address's last number: the same on most pages. After eight, any that differ. */
function colorOf(address) {
	const taken = new Set([...senders.values()].map(({ color }) => color));
	const last = Number(address.match(/\d+$/) ?? 0);
	const free = COLORS.map((_, i) => COLORS[(last + i) % COLORS.length]).find((color) => !taken.has(color));
	return free ?? `hsl(${Math.round(last * 137.5) % 360},60%,${last % 2 ? 40 : 60}%)`;
}

const isShown = ({ address }) => senders.get(address)?.shown;
const inOrder = (path) => [...kept[path].values()].sort((a, b) => a.ended - b.ended);
const shownOf = (path) => inOrder(path).filter(isShown);

function sample(node, path, { count: all, listed }) {
	const now = performance.now();
	const found = listed.map((one) => {
		const key = [node, path, one.peer].join();
		const address = addressOf(one.peer);
		sender(address);
		// A port that is used again is another connection.
		const before = lines.get(key)?.at(-1)[1] <= one.bytes ? lines.get(key) : [];
		lines.set(key, before.at(-1)?.[1] === one.bytes ? before : [...before, [now, one.bytes]].slice(-MOST_SAMPLES));
		return { ...one, node, path, key, address };
	});
	open.set(`${node},${path}`, { all, listed: found });
	const keys = new Set([...open.values()].flatMap(({ listed }) => listed.map(({ key }) => key)));
	for (const key of lines.keys()) if (!keys.has(key)) lines.delete(key);
}

function show() {
	waiting = null;
	if (document.hidden) return;
	const runs = shownOf("rates");
	for (const run of runs) Object.assign(run, { color: senders.get(run.address).color, words: run.words ?? words(run) });
	figure.show(runs.filter(({ at }) => at));
	byId("rates-section").hidden = !runs.length;
	fill(runRows, runs.slice(-MOST_ROWS).reverse().map((run) => [run.node, ...LISTS.rates(run), since(run)]));
	showSenders();
	showOpen();
	showWall();
	summary(runs.length);
	if (!byId("told").textContent) told();
}

function summary(runs) {
	if (!ring.facts) return;
	set(byId("ring"), ring.facts.ring);
	document.title = `${ring.facts.ring} · Carom lab`;
	const nodes = ring.open().length;
	const none = !heard.size && performance.now() > PATIENCE_MS;
	const figures = [many(senders.size, "sender"), many(runs, "run"), many(kept.messages.size, "message")].join(", ");
	const away = nodes < ring.names.length && !ring.large ? ` · ${nodes} of ${ring.names.length} nodes answer` : "";
	set(byId("summary"), none ? "No node that answers has a lab" : figures + away);
	byId("summary").dataset.well = !none && nodes > 0 && !away;
}

function words({ address, node, connect, connections, bytes: all, segments, reads, seconds, bytes_per_second: rate, at }) {
	const size = at ? ` of ${bytes(Number(at[0].toPrecision(3)))}` : "";
	return `${address} to ${node}: ${speed(rate)}, ${connect === "kept" ? "connection kept" : `${count(connections)} connections, reopened`}, ${count(all)} bytes in ${count(segments)} segments${size} and ${count(reads)} reads, ${took(seconds)}`;
}

const told = (run) => set(byId("told"), run ? `${run.words}, ${since(run)}` : HINT);

const since = ({ ended }) => ago(Math.max(0, performance.now() - ended) / 1000);

function showSenders() {
	const totals = {};
	for (const path in kept) for (const { address } of kept[path].values()) (totals[address] ??= { rates: 0, messages: 0 })[path]++;
	for (const [address, sender] of senders) {
		sender.row ??= addSender(sender);
		const { rates, messages } = totals[address] ?? { rates: 0, messages: 0 };
		set(sender.row.querySelector("small"), [rates && many(rates, "run"), messages && many(messages, "message")].filter(Boolean).join(", "));
		sender.box.checked = sender.shown;
	}
}

function swatch(color) {
	const made = element("span", "swatch");
	made.style.background = color;
	return made;
}

function addSender(sender) {
	const [row, label, box] = [element("li"), element("label"), element("input")];
	box.type = "checkbox";
	box.addEventListener("change", () => {
		sender.shown = box.checked;
		renew();
	});
	label.append(box, swatch(sender.color), element("b", "", sender.address), element("small"));
	row.append(label);
	const later = [...byId("senders").children].find((other) => other.querySelector("b").textContent.localeCompare(sender.address, "en", { numeric: true }) > 0);
	byId("senders").insertBefore(row, later ?? null);
	sender.box = box;
	return row;
}

function showOpen() {
	const all = [...open.values()].flatMap(({ listed }) => listed).filter(({ node, address }) => ring.isOpen(node) && isShown({ address }));
	const list = byId("open");
	while (list.children.length > all.length) list.lastChild.remove();
	const now = performance.now();
	all.forEach((one, index) => {
		const row = list.children[index] ?? addOpen();
		const [dot, name, more, svg] = row.children;
		const { color } = senders.get(one.address);
		const samples = lines.get(one.key);
		const most = Math.max(1, one.bytes);
		const span = Math.min(LINE_MS, Math.max(5000, now - samples[0][0]));
		const place = ([at, value]) => `${(100 - ((now - at) / span) * 100).toFixed(1)},${(30 - (value / most) * 28).toFixed(1)}`;
		svg.firstChild.setAttribute("points", [...samples, [now, one.bytes]].map(place).join(" "));
		svg.firstChild.setAttribute("stroke", color);
		const recent = samples.find(([at]) => at > now - 2000) ?? [now, one.bytes];
		const rate = now - recent[0] > 400 ? ((one.bytes - recent[1]) * 1000) / (now - recent[0]) : 0;
		dot.style.background = color;
		set(name, `${one.peer} → ${one.node}`);
		const window = one.window == null || one.path === "messages" ? "" : `, window ${bytes(one.window)}`;
		set(more, `${KINDS[one.path]}, ${bytes(one.bytes)}, ${speed(rate)}${window}`);
		svg.setAttribute("aria-label", `${bytes(one.bytes)} so far`);
	});
	const unlisted = [...open.values()].reduce((sum, { all, listed }) => sum + all - listed.length, 0);
	set(byId("open-title"), `Open connections${unlisted ? `, and ${count(unlisted)} more` : ""}`);
}

function addOpen() {
	const row = element("li");
	row.append(swatch(""), element("span"), element("small"));
	draw(draw(row, "svg", { viewBox: "0 0 100 32", preserveAspectRatio: "none", role: "img" }), "polyline", {});
	return byId("open").appendChild(row);
}

function showWall() {
	const latest = shownOf("messages").slice(-MOST_ROWS).reverse();
	const wall = byId("wall");
	while (wall.children.length > latest.length) wall.lastChild.remove();
	latest.forEach((message, index) => {
		let row = wall.children[index];
		if (!row) {
			row = wall.appendChild(element("li"));
			row.append(element("p"), element("small"));
		}
		row.style.borderColor = senders.get(message.address).color;
		set(row.firstChild, text(message) || "(empty)");
		set(row.lastChild, `${message.address} → ${message.node} · ${many(message.bytes, "byte")} · ${since(message)}`);
	});
}

/** In a large ring, nodes that no stream tells of are asked in turn. */
let turn = 0;
async function askNext() {
	const others = ring.large && !document.hidden ? ring.names.filter((name) => !ring.isOpen(name)) : [];
	const node = others[turn++ % others.length];
	try {
		for (const path of node ? Object.keys(KINDS) : []) {
			const answer = await fetch(`${ring.url(node)}/${path}`, { signal: AbortSignal.timeout(ANSWER_MS) });
			if (answer.ok) take(node, path, await answer.json());
		}
		renew();
	} catch {
		// It is down, or busy: the next round asks it again.
	}
	setTimeout(askNext, Math.max(PAUSE_MS, ROUND_MS / Math.max(1, others.length)));
}

function save(name, type, content) {
	const link = element("a");
	link.href = URL.createObjectURL(new Blob([content], { type }));
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const COLUMNS = "node,peer,connect,outcome,bytes,segments,bytes_per_segment,reads,connections,seconds,bytes_per_second,out_of_order,round_trip_ms,ended".split(",");

function csv() {
	const rows = shownOf("rates").map((run) => {
		const ended = new Date(performance.timeOrigin + run.ended).toISOString();
		const values = { ...run, bytes_per_segment: run.segments ? run.bytes / run.segments : null, ended };
		return COLUMNS.map((column) => String(values[column] ?? "").replace(/[",\n]/g, "")).join();
	});
	return `${[COLUMNS.join(), ...rows].join("\n")}\n`;
}

byId("csv").addEventListener("click", () => save("carom-runs.csv", "text/csv", csv()));
byId("svg").addEventListener("click", () => {
	const shown = [...senders.values()].filter((sender) => sender.shown && figure.runs.some((run) => run.address === sender.address));
	save("carom-runs.svg", "image/svg+xml", figure.file(shown));
});
for (const id of ["all", "none"]) {
	byId(id).addEventListener("click", () => {
		for (const sender of senders.values()) sender.shown = id === "all";
		renew();
	});
}
byId("figure").addEventListener("pointerleave", () => told());

// Ages grow, and lines move on, even while nothing comes.
setInterval(renew, 1000);
ring.start();
askNext();
