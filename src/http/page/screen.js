// One node's virtual screen. A ball that crosses the edge shows on both sides of it, so that
// a row of monitors shows it whole.
import { Ring } from "./ring.js";

const field = document.getElementById("screen");
const note = document.getElementById("note");
const shown = new Map();
let scale = 1;
let frame = 0;

// Only nodes whose screens touch this one.
const ring = new Ring(changed, { only: (name, ring) => neighbours(ring).includes(name) });

function neighbours({ names, home, facts }) {
	const index = names.indexOf(home);
	const near = [names[index - 1], names[index + 1]];
	if (facts?.shape === "row") return near;
	return [near[0] ?? names.at(-1), near[1] ?? names[0]];
}

function changed() {
	if (!ring.facts) return;
	document.title = `${ring.home} · carom screen`;
	document.getElementById("name").textContent = ring.home;
	const own = ring.node(ring.home);
	const labels = { up: "", draining: "stopping", "cut off": "cut off from the ring" };
	const frozen = own.balls.some((ball) => ball.frozen) ? "frozen: no majority of the ring answers" : "";
	note.textContent = own.heard ? frozen || (labels[own.state] ?? own.state) : `${ring.home} does not answer`;
	fit();
	frame ||= requestAnimationFrame(draw);
}

function fit() {
	if (!ring.facts) return;
	const [width, height] = ring.facts.screen;
	scale = Math.min(innerWidth / width, innerHeight / height);
	const style = field.style;
	style.width = `${width * scale}px`;
	style.height = `${height * scale}px`;
	style.left = `${(innerWidth - width * scale) / 2}px`;
	style.top = `${(innerHeight - height * scale) / 2}px`;
}

/** Balls that may be visible here; `shift`: where their screen begins on this one. */
function visible() {
	const [width] = ring.facts.screen;
	const [left, right] = neighbours(ring);
	const found = [];
	for (const { views } of ring.balls()) {
		for (const view of views) {
			if (view.holder === ring.home) found.push({ view, shift: 0 });
			if (view.holder === left) found.push({ view, shift: -width });
			if (view.holder === right) found.push({ view, shift: width });
		}
	}
	return found;
}

function draw(now) {
	frame = 0;
	const [width, height] = ring.facts.screen;
	const seen = new Set();
	let moves = false;
	for (const { view, shift } of visible()) {
		moves ||= !view.frozen;
		const [x, y] = ring.place(view, now, view.radius);
		const there = x + shift;
		if (there < -view.radius || there > width + view.radius) continue;
		const key = `${view.ball}/${view.holder}/${shift}`;
		seen.add(key);
		const ball = shown.get(key) ?? add(key, view.ball);
		const size = 2 * view.radius * scale;
		ball.className = view.frozen ? "ball frozen" : "ball";
		ball.dataset.here = view.holder === ring.home;
		Object.assign(ball.style, {
			width: `${size}px`,
			height: `${size}px`,
			background: `rgb(${view.color.map(Number).join(" ")})`,
			transform: `translate(${(there - view.radius) * scale}px, ${(height - y - view.radius) * scale}px)`,
		});
	}
	for (const [key, ball] of shown) {
		if (seen.has(key)) continue;
		ball.remove();
		shown.delete(key);
	}
	if (moves) frame = requestAnimationFrame(draw);
}

function add(key, number) {
	const ball = document.createElement("div");
	ball.dataset.ball = number;
	field.append(ball);
	shown.set(key, ball);
	return ball;
}

addEventListener("resize", changed);
ring.start();
