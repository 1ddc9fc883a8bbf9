// The chapter's figure: rate against bytes a segment, on log axes. Kept and reopened are two marks.
// Read back in tests/browser/lab.mjs.
const SVG = "http://www.w3.org/2000/svg";
const UNITS = ["", "k", "M", "G", "T"];
const FULL = 1448; // bytes of data in a full segment on Ethernet
const MARKS = {
	kept: (color) => ["circle", { r: 6, fill: color, "fill-opacity": 0.8, stroke: color }],
	reopened: (color) => ["path", { d: "M0-8 8 0 0 8-8 0Z", fill: "none", stroke: color, "stroke-width": 2.5, "pointer-events": "all" }],
};

export function draw(parent, tag, values, text) {
	const made = document.createElementNS(SVG, tag);
	for (const key in values) made.setAttribute(key, values[key]);
	if (text !== undefined) made.textContent = text;
	parent?.append(made);
	return made;
}

/** Bytes a segment and a second; null if either is unknown. */
export function point({ outcome, bytes, segments, bytes_per_second: speed }) {
	const values = [Number(bytes) / Number(segments), Number(speed)];
	return outcome === "complete" && values.every((value) => value > 0 && isFinite(value)) ? values : null;
}

const label = (power, unit) => `${10 ** (power % 3)} ${UNITS[Math.floor(power / 3)] ?? "?"}${unit}`;

/** Powers of ten around the values, at least three; without values, `usual`. */
function decades(values, usual) {
	if (!values.length) return usual;
	const logs = values.map(Math.log10);
	let [from, to] = [Math.max(0, Math.floor(Math.min(...logs) - 0.05)), Math.ceil(Math.max(...logs) + 0.05)];
	if (from > 0 && to - from < 3) from--;
	return [from, Math.max(to, from + 3)];
}

export class Figure {
	/** `onPick(run)`: the reader points at this run, or at none. */
	constructor(svg, onPick) {
		Object.assign(this, { svg, onPick, shown: new Map(), runs: [], current: null });
		this.axes = draw(svg, "g", { "aria-hidden": true });
		this.marks = draw(svg, "g");
		new ResizeObserver(() => this.show(this.runs)).observe(svg);
		const told = (event) => this.onPick(this.of(event.target));
		// Not on the picture itself: an SVG that hears of the focus gets it.
		for (const kind of ["pointerover", "focusin", "click"]) svg.parentElement.addEventListener(kind, told);
		svg.parentElement.addEventListener("keydown", (event) => this.step(event));
	}

	of(target) {
		const mark = target.closest(".run");
		return this.runs.find((run) => this.shown.get(run.key) === mark);
	}

	/** One stop of the tab key; the arrows go from run to run, by size. */
	step(event) {
		const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, Home: -Infinity, End: Infinity }[event.key];
		const now = this.of(event.target);
		if (!step || !now) return;
		event.preventDefault();
		const order = this.runs.toSorted((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]);
		const to = Math.min(order.length - 1, Math.max(0, order.indexOf(now) + step));
		this.select(order[to]);
		this.shown.get(order[to].key).focus();
	}

	select(run) {
		this.shown.get(this.current)?.setAttribute("tabindex", -1);
		this.current = run?.key;
		this.shown.get(this.current)?.setAttribute("tabindex", 0);
	}

	/** Each run has key, at, connect, color, words. */
	show(runs) {
		this.runs = runs;
		const { clientWidth: wide, clientHeight: high } = this.svg;
		if (!wide || !high) return;
		this.svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
		this.scale(wide, high);
		const gone = new Map(this.shown);
		for (const run of runs) {
			gone.delete(run.key);
			const mark = this.shown.get(run.key) ?? this.add(run);
			const place = `translate(${this.x(run.at[0]).toFixed(2)} ${this.y(run.at[1]).toFixed(2)}) scale(${(this.size / 14).toFixed(2)})`;
			if (mark.getAttribute("transform") !== place) mark.setAttribute("transform", place);
		}
		for (const [key, mark] of gone) {
			mark.remove();
			this.shown.delete(key);
		}
		if (!this.shown.has(this.current)) this.select(runs.at(-1));
	}

	add(run) {
		const values = { class: "run", "data-from": run.peer, "data-connect": run.connect, tabindex: -1, role: "img", "aria-label": run.words };
		const mark = draw(this.marks, "g", values);
		draw(mark, ...(MARKS[run.connect] ?? MARKS.kept)(run.color));
		this.shown.set(run.key, mark);
		return mark;
	}

	/** Sets where values are, and draws the axes. */
	scale(wide, high) {
		const size = (this.size = Math.round(Math.min(24, Math.max(12, wide / 64))));
		const [left, right] = [size * 5.2, wide - size * 2.2];
		// A narrow screen: a line for the legend.
		const legend = right > size * 25 ? 0 : size * 1.5;
		const [top, bottom] = [size * 2.2 + legend, high - size * 3.6];
		const [x0, x1] = decades(this.runs.map(({ at }) => at[0]), [0, 5]);
		const [y0, y1] = decades(this.runs.map(({ at }) => at[1]), [3, 9]);
		this.x = (value) => left + ((Math.log10(value) - x0) / (x1 - x0)) * (right - left);
		this.y = (value) => bottom - ((Math.log10(value) - y0) / (y1 - y0)) * (bottom - top);
		const same = JSON.stringify([wide, high, x0, x1, y0, y1]);
		if (this.drawn === same) return;
		this.drawn = same;
		this.axes.replaceChildren();
		const put = (tag, values, text) => draw(this.axes, tag, values, text);
		const line = (a, b, c, d, opacity) => put("path", { d: `M${a} ${b}L${c} ${d}`, stroke: "currentColor", "stroke-opacity": opacity, fill: "none" });
		const words = (x, y, anchor, text, more) => put("text", { x, y, "text-anchor": anchor, "font-size": size, fill: "currentColor", ...more }, text);
		const lines = (from, to, each) => {
			for (let power = from; power <= to; power++) {
				for (let part = 1; part < (power < to ? 10 : 2); part++) each(part * 10 ** power, part === 1 ? 0.3 : 0.07, power);
			}
		};
		lines(x0, x1, (value, opacity, power) => {
			line(this.x(value), top, this.x(value), bottom, opacity);
			if (opacity === 0.3) words(this.x(value), bottom + size * 1.4, "middle", label(power, "B"), { class: "x", "data-value": value });
		});
		lines(y0, y1, (value, opacity, power) => {
			line(left, this.y(value), right, this.y(value), opacity);
			if (opacity === 0.3) words(left - size * 0.6, this.y(value) + size * 0.35, "end", label(power, "B/s"), { class: "y", "data-value": value });
		});
		words((left + right) / 2, bottom + size * 3, "middle", "bytes a segment");
		words(0, size, "start", "bytes a second");
		const full = this.x(FULL);
		if (full > left && full < right) {
			put("path", { d: `M${full} ${top}V${bottom}`, stroke: "currentColor", "stroke-dasharray": "3 5", fill: "none" });
			words(full - size * 0.4, bottom - size * 0.6, "end", "full segment on Ethernet", { "font-size": size * 0.85, "fill-opacity": 0.8 });
		}
		[["reopened", "reopened", 5.5], ["kept", "connection kept", 16.5]].forEach(([mark, text, at]) => {
			const [tag, values] = MARKS[mark]("currentColor");
			put(tag, { ...values, transform: `translate(${right - at * size} ${size * 0.7 + legend})` });
			words(right - at * size + 13, size * 1.05 + legend, "start", text);
		});
	}

	/** A file of its own. */
	file(senders) {
		const copy = this.svg.cloneNode(true);
		const { width, height } = this.svg.getBoundingClientRect();
		const style = getComputedStyle(this.svg);
		const room = 24 * senders.length + 12;
		for (const [key, value] of Object.entries({ xmlns: SVG, width, height: height + room, viewBox: `0 0 ${width} ${height + room}`, color: style.color, "font-family": "sans-serif" })) copy.setAttribute(key, value);
		copy.prepend(draw(null, "rect", { width: "100%", height: "100%", fill: getComputedStyle(this.svg.parentElement).backgroundColor }));
		senders.forEach(({ address, color }, i) => {
			draw(copy, "circle", { cx: 24, cy: height + 24 * i + 12, r: 6, fill: color });
			draw(copy, "text", { x: 40, y: height + 24 * i + 17, "font-size": 14, fill: "currentColor" }, address);
		});
		return new XMLSerializer().serializeToString(copy);
	}
}
