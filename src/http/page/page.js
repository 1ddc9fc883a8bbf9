// Draws the ring: nodes, links, LEDs and moving balls.
import { Ring } from "./ring.js";
import { lab } from "./lab.js";
import "./theme.js";
import { panels, element, count, millis, label, aged, ago } from "./panels.js";

const byId = (id) => document.getElementById(id);
const stage = byId("stage");
const list = byId("nodes");
const links = byId("links");
const MOST_ROUND = 14; // nodes on an ellipse; more are in rows
const SMALL = 72; // the width of a card that has a sign in place of a word
const TINY = 46; // and of one without a name
const LEAST_SIZE = 24;
const SIGNS = { up: "", down: "✕", unknown: "?" };
const SVG = "http://www.w3.org/2000/svg";
const still = matchMedia("(prefers-reduced-motion: reduce)");

const ring = new Ring(changed);
const show = panels(ring);
const cards = new Map(); // by node: its card and the parts of it
const lines = new Map(); // by "a|b": a link's line and label
let places = new Map(); // by node: where its card is
let columns = 1;
let share = 0.1; // of a screen's width: a small ball is drawn larger, to be seen from afar
let frame = 0;
let stale = false;

function changed(kind, detail) {
	if (kind === "link") show.link(detail);
	if (kind === "return") show.returned(detail);
	if (kind === "pass") showPass(detail);
	stale = true;
	frame ||= requestAnimationFrame(draw);
}

function build() {
	const { names, facts } = ring;
	// Small cards leave out what all names begin with.
	const differs = (letter, i) => names.some((name) => name[i] !== letter || /\d/.test(letter));
	const prefix = [...names[0]].findIndex(differs);
	for (const name of names) {
		const card = element("li", "node");
		card.dataset.node = name;
		const open = element("a", "open");
		const title = element("span", "name");
		title.append(element("span", "", name.slice(0, prefix)), name.slice(prefix));
		if (ring.voters.has(name) && ring.voters.size < ring.names.length) card.dataset.voter = true;
		const head = element("span", "head");
		head.append(element("span", "lamp"), title);
		const [field, state] = [element("span", "field"), element("span", "state")];
		open.append(head, field, state);
		if (ring.names.length > MOST_ROUND && cards.size) open.tabIndex = -1;
		card.append(open);
		list.append(card);
		cards.set(name, { card, open, field, state, balls: new Map() });
	}
	const last = names.length - 1;
	const pairs = names.map((name, i) => [name, names[i === last ? 0 : i + 1], true]);
	if (facts.shape === "row" || names.length < 3) pairs.pop();
	if (names.length > 3 && names.length <= 9 && facts.shape !== "row") {
		for (let i = 0; i <= last; i++) {
			for (let j = i + 2; j <= last; j++) if (i !== 0 || j !== last) pairs.unshift([names[i], names[j], false]);
		}
	}
	for (const [one, other, near] of pairs) {
		const line = document.createElementNS(SVG, "line");
		line.classList.add(near ? "near" : "far");
		const label = document.createElementNS(SVG, "text");
		links.append(line);
		lines.set(`${one}|${other}`, { line, label: near ? label : null, one, other });
	}
	for (const { label } of lines.values()) if (label) links.append(label);
	lay();
}

function lay() {
	if (!ring.facts) return;
	const { names, facts } = ring;
	const wide = stage.clientWidth;
	const shape = facts.screen[1] / facts.screen[0];
	places = new Map();
	let round = false;
	let size = Math.min(wide * 0.3, 340);
	stage.classList.remove("rows");
	const high = stage.clientHeight;
	if (facts.shape !== "row" && names.length > 2 && names.length <= MOST_ROUND) {
		for (; size >= 72 && !round; size -= 4) round = circle(size, shape, wide, high);
		size += 4;
	}
	stage.classList.toggle("rows", !round);
	if (!round) {
		size = grid(wide, high, shape);
		const [margin, , extra] = room(size);
		const rowHigh = size * shape + extra;
		names.forEach((name, i) => {
			const x = margin + ((i % columns) + 0.5) * ((wide - margin) / columns);
			places.set(name, { x, y: (Math.floor(i / columns) + 0.5) * rowHigh });
			cards.get(name).card.dataset.first = i % columns === 0;
		});
		stage.style.setProperty("--rows-height", `${Math.ceil(names.length / columns) * rowHigh + 10}px`);
	}
	stage.classList.toggle("small", !round && size < SMALL);
	stage.classList.toggle("tiny", !round && size < TINY);
	share = !round && size < SMALL ? 0.25 : 0.1;
	list.style.setProperty("--size", `${size}px`);
	list.style.setProperty("--shape", String(shape));
	for (const [name, { x, y }] of places) {
		cards.get(name).card.style.translate = `calc(${x}px - 50%) calc(${y}px - 50%)`;
	}
	drawLines();
}

/** Beside the screens: a margin for the names of the rows, a gap, and height. */
const room = (size) => (size < TINY ? [46, 6, 10] : size < SMALL ? [0, 6, 40] : [0, 14, Math.max(34, size * 0.3) + 26]);

/** The size of cards in rows: of many, the largest that fits. */
function grid(wide, high, shape) {
	const count = ring.names.length;
	columns = Math.max(2, Math.min(count, Math.floor(wide / (count > 8 ? 110 : 150))));
	if (count <= MOST_ROUND) return Math.min(340, wide / columns - 14);
	for (let size = 200; ; size -= 2) {
		const [margin, gap, extra] = room(size);
		columns = Math.floor((wide - margin) / (size + gap));
		if (size <= LEAST_SIZE || columns * Math.floor(high / (size * shape + extra)) >= count) return size;
	}
}

function circle(size, shape, wide, high) {
	const [boxWide, boxHigh] = [size + 12, size * shape + Math.max(34, size * 0.3) + 14];
	// The circle, stretched until the outermost cards touch the edges.
	const turns = ring.names.map((_, i) => (i / ring.names.length) * 2 * Math.PI);
	const stretch = (values, room, box) => {
		const [least, most] = [Math.min(...values), Math.max(...values)];
		const to = (value) => box / 2 + ((value - least) / (most - least)) * (room - box);
		return [values.map(to), to(0)];
	};
	const [xs, middleX] = stretch(turns.map(Math.sin), wide, boxWide);
	const [ys, middleY] = stretch(turns.map((turn) => -Math.cos(turn)), high, boxHigh);
	const spots = xs.map((x, i) => ({ x, y: ys[i] }));
	stage.style.setProperty("--middle", `${middleY}px`);
	// Room for a link and its label between any two, and for the words in the middle.
	const apart = (a, b) => Math.abs(a.x - b.x) > boxWide + 16 || Math.abs(a.y - b.y) > boxHigh + 22;
	const [hubWide, hubHigh] = [Math.min(wide * 0.26, 300) / 2, Math.min(high * 0.22, 200) / 2];
	const free = (a) => Math.abs(a.x - middleX) > boxWide / 2 + hubWide || Math.abs(a.y - middleY) > boxHigh / 2 + hubHigh;
	const fits = spots.every((a, i) => free(a) && spots.every((b, j) => j <= i || apart(a, b)));
	if (fits) ring.names.forEach((name, i) => places.set(name, spots[i]));
	return fits;
}

function drawLines() {
	for (const { line, label, one, other } of lines.values()) {
		const [a, b] = [places.get(one), places.get(other)];
		if (!a || !b) continue;
		const set = (target, values) => Object.entries(values).forEach(([key, value]) => target.setAttribute(key, value.toFixed(1)));
		set(line, { x1: a.x, y1: a.y, x2: b.x, y2: b.y });
		if (label) set(label, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + 5 });
	}
}

function renew() {
	const balls = ring.balls();
	const states = new Map(ring.names.map((name) => [name, ring.node(name)]));
	for (const [name, { card, open, state }] of cards) {
		const node = states.get(name);
		const here = balls.filter(({ views }) => views.some((view) => view.holder === name));
		const lit = node.led ? node.led.lit : here.some(({ phase }) => phase === "heard");
		const frozen = here.some((ball) => ball.phase === "frozen");
		const well = node.state === "up" ? "" : label(node.state);
		const word = frozen ? "frozen" : node.led?.fault ? "LED broken" : well;
		const sign = frozen ? "‖" : node.led?.fault ? "!" : (SIGNS[node.state] ?? "!");
		const data = { state: node.state, lit, frozen, heard: node.heard, sign };
		for (const key in data) if (card.dataset[key] !== String(data[key])) card.dataset[key] = data[key];
		if (state.textContent !== word) state.textContent = word;
		if (node.url) open.href = `${node.url}/screen`;
		const votes = card.dataset.voter ? ", votes" : "";
		const led = lit ? "on" : node.led || !ring.large ? "off" : "not known";
		const told = `${name}${votes}, ${word || node.state}`;
		const description = `${told}, LED ${led}. Opens its screen.`;
		if (open.ariaLabel !== description) open.ariaLabel = description;
		if (ring.large) open.title = told + (node.age >= 1 ? `, ${ago(node.age)}` : "");
	}
	for (const entry of lines.values()) {
		const up = ring.linked(entry.one, entry.other);
		entry.line.dataset.up = up;
		if (!entry.label) continue;
		const span = up ? ring.roundTrip(entry.one, entry.other) : null;
		entry.label.textContent = up ? (span === null ? "" : millis(span)) : "✕";
		entry.label.dataset.up = up;
	}
	hub(balls, states);
	show.renew(balls, states);
}

function hub(balls, states) {
	const [one] = balls;
	const labels = { frozen: "The ball stands still on", lent: "The ball is with", away: "The ball is", unseen: "The ball is" };
	let [label, name, more] = ["", "", ""];
	if (balls.length === 1) {
		const missing = one.phase === "away" || one.phase === "unseen";
		label = labels[one.phase] ?? "The ball is on";
		name = one.phase === "unseen" && ring.large ? "not known" : missing ? "away" : (one.loan?.window ?? one.holder);
		const majority = [...states.values()].some(({ heard, state }) => heard && state === "up");
		const hope = majority ? "the ring takes it back" : "no majority answers";
		more = missing ? hope : `hop ${count(one.hop)} · generation ${one.generation?.split(".")[0]}${aged(one)}`;
	} else if (balls.length > 1) {
		const on = new Set(balls.flatMap((ball) => ball.views.map((view) => view.holder)));
		const away = balls.filter(({ phase }) => phase === "away").length;
		label = "Balls";
		name = String(balls.length);
		more = `on ${ring.names.filter((node) => on.has(node)).join(", ") || "no node"}${away ? ` · ${away} away` : ""}`;
	}
	const set = (id, text) => byId(id).textContent !== text && (byId(id).textContent = text);
	set("hub-label", label);
	set("hub-name", name);
	set("hub-more", more);
	set("hub-away", ring.returned ? `last time away: ${millis(ring.returned.away_ms)}` : "");
	byId("hub").dataset.phase = one?.phase ?? "";
}

function draw(now) {
	frame = 0;
	if (!ring.facts) return;
	if (!cards.size) build();
	if (stale && !ring.resumes) {
		stale = false;
		renew();
	}
	const seen = new Set();
	let moves = false;
	for (const ball of ring.balls()) {
		for (const view of ball.views) {
			const parts = cards.get(view.holder);
			if (!parts || !view.position) continue;
			moves ||= !view.frozen;
			seen.add(drawBall(parts, view, now));
		}
	}
	for (const { balls } of cards.values()) {
		for (const [number, dot] of balls) {
			if (seen.has(dot)) continue;
			dot.remove();
			balls.delete(number);
		}
	}
	if (moves && !still.matches) frame = requestAnimationFrame(draw);
}

function drawBall(parts, view, now) {
	let dot = parts.balls.get(view.ball);
	const [width, height] = ring.facts.screen;
	if (!dot) {
		dot = element("span", "ball");
		dot.dataset.ball = view.ball;
		dot.style.background = `rgb(${view.color.map(Number).join(" ")})`;
		parts.balls.set(view.ball, dot);
		parts.field.append(dot);
	}
	dot.style.width = `${100 * Math.max(share, (2 * view.radius) / width)}%`;
	dot.classList.toggle("frozen", view.frozen);
	const [x, y] = still.matches ? [width / 2, height / 2] : ring.place(view, now, 2 * view.radius);
	const scale = parts.field.clientWidth / width;
	const radius = view.radius * Math.max(1, (share * width) / (2 * view.radius));
	// The larger ball bounces where the true one does: its path is shorter.
	const high = radius + ((y - view.radius) * (height - 2 * radius)) / Math.max(1, height - 2 * view.radius);
	dot.style.transform = `translate(${(x - radius) * scale}px, ${(height - high - radius) * scale}px)`;
	return dot;
}

function showPass({ from, to, color }) {
	const entry = lines.get(`${from}|${to}`) ?? lines.get(`${to}|${from}`);
	const [a, b] = [places.get(from), places.get(to)];
	if (!entry || !a || !b || document.hidden) return;
	const paint = `rgb(${color.map(Number).join(" ")})`;
	entry.line.animate([{ stroke: paint, strokeWidth: 5, opacity: 1 }, {}], { duration: 700, easing: "ease-out" });
	if (still.matches || links.querySelectorAll("circle").length > 12) return;
	const spark = document.createElementNS(SVG, "circle");
	spark.setAttribute("r", "7");
	spark.setAttribute("fill", paint);
	links.append(spark);
	const at = ({ x, y }) => ({ transform: `translate(${x}px, ${y}px)` });
	spark.animate([at(a), at(b)], { duration: 260, easing: "ease-in-out" }).finished.finally(() => spark.remove());
}

// Many cards are one stop of the tab key.
list.addEventListener("keydown", (event) => {
	const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -Infinity, End: Infinity }[event.key];
	if (!step || ring.names.length <= MOST_ROUND) return;
	event.preventDefault();
	const last = ring.names.length - 1;
	const to = Math.min(last, Math.max(0, ring.index.get(event.target.parentElement.dataset.node) + step));
	event.target.tabIndex = -1;
	const { open } = cards.get(ring.names[to]);
	open.tabIndex = 0;
	open.focus();
});

new ResizeObserver(lay).observe(stage);
// Ages in the texts grow even while no event comes.
setInterval(() => document.hidden || (ring.facts && changed("data")), 1000);
lab(ring);
ring.start();
