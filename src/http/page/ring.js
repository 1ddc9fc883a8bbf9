// The page's model of the ring, merged from the /events of the nodes that it listens to.
import { choose, isLarge } from "./choice.js";
import { place } from "./motion.js";
import { Survey, condition } from "./survey.js";

const SILENCE_MS = 7000; // a node sends a heartbeat every two seconds
const CONNECT_MS = 6000;
const BACKOFF_MS = [300, 600, 1200, 2400, 4000];
const RESUME_MS = 3000;
const RETRY_MS = 30000; // until a node that did not answer is chosen again
const HANDOVER_MS = 400;
const DRIFT = 0.0002; // how much faster than this one another clock may run

/** One node's stream of events, reopened while the page is visible. */
class Stream {
	constructor(url, ring) {
		Object.assign(this, { url, ring, name: null, open: false, tries: 0, offset: Infinity, synced: 0 });
	}

	connect() {
		this.close();
		const query = [this.ring.lab && "lab", this.last && `last=${encodeURIComponent(this.last)}`].filter(Boolean).join("&");
		const source = new EventSource(`${this.url}/events${query && "?"}${query}`);
		this.source = source;
		this.watch(CONNECT_MS);
		source.onerror = () => this.lost();
		for (const kind of ["state", "ball", "gone", "node", "return", "beat", "lab"]) {
			source.addEventListener(kind, (event) => this.on(kind, event));
		}
	}

	on(kind, event) {
		let data;
		try {
			data = JSON.parse(event.data);
		} catch {
			return;
		}
		if (event.lastEventId) this.last = event.lastEventId;
		if (kind === "state") {
			if (!this.ring.accepts(data)) return this.lost(); // another ring's node at this address
			this.name = data.node;
		}
		// What the lab tells may come before it is known whose lab it is.
		if (kind === "lab") this.early = data;
		if (this.name === null) return;
		if (this.early) this.ring.change("lab", { node: this.name, lists: this.early });
		this.early = null;
		this.watch(SILENCE_MS);
		const opened = !this.open;
		this.open = true;
		this.ring.heard.add(this.name);
		this.ring.failed.delete(this.expects);
		this.tries = 0;
		this.sync(data.uptime_seconds, kind === "state");
		this.ring.on(this, kind, data, opened);
		if (opened) this.ring.listen();
	}

	/** The fastest event is the best estimate of how the clocks differ. */
	sync(uptime, anew) {
		if (uptime === undefined) return;
		const now = performance.now();
		const offset = now - uptime * 1000;
		const drifted = anew ? Infinity : this.offset + (now - this.synced) * DRIFT;
		this.offset = Math.min(offset, drifted);
		this.synced = now;
	}

	watch(span) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.lost(), span);
	}

	close() {
		clearTimeout(this.timer);
		this.source?.close();
		this.source = null;
	}

	lost() {
		const wasOpen = this.open;
		this.pause();
		if (wasOpen) this.ring.change("link", this.name);
		const wait = BACKOFF_MS[Math.min(this.tries++, BACKOFF_MS.length - 1)];
		this.timer = setTimeout(() => this.connect(), wait * (0.8 + Math.random() * 0.4));
		this.ring.failed.set(this.expects, performance.now());
		this.ring.listen();
		this.ring.change("data");
	}

	pause() {
		this.close();
		this.open = false;
		this.ring.heard.delete(this.name);
	}
}

function compare(one, other) {
	const parts = ({ generation = "0.", hop = -1 }) => [Number(generation.split(".")[0]), generation, hop];
	const [a, b] = [parts(one), parts(other)];
	for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
	return 0;
}

export class Ring {
	/** `changed(kind, detail)` is called after every change. */
	constructor(changed, { only, lab } = {}) {
		// only: which nodes to subscribe to, beside the one that served the page; lab: whether to hear of labs
		Object.assign(this, { changed, only, lab, home: null, facts: null, names: [], resumed: -Infinity, returned: null, cache: null });
		this.streams = new Map(); // by url
		this.statuses = new Map(); // by name: that node's status
		this.views = new Map(); // by ball, then by reporting node
		this.heard = new Set(); // names of nodes whose streams are open
		this.failed = new Map(); // by name: when it did not answer
		this.survey = new Survey(this); // of the nodes that no stream tells of
	}

	change(kind, detail) {
		this.cache = null;
		this.changed(kind, detail);
	}

	start() {
		this.stream(location.origin).connect();
		// A hidden page costs the ring nothing.
		document.addEventListener("visibilitychange", () => {
			for (const stream of this.streams.values()) {
				if (document.hidden) stream.pause();
				else stream.connect();
			}
			this.resumed = performance.now();
		});
	}

	accepts({ ring, node }) {
		return !this.facts || (ring === this.facts.ring && this.names.includes(node));
	}

	stream(url) {
		if (!this.streams.has(url)) this.streams.set(url, new Stream(url, this));
		return this.streams.get(url);
	}

	on(stream, kind, data, opened) {
		const name = stream.name;
		if (kind === "lab") return;
		if (kind === "state") this.onState(stream, data);
		if (name === this.home && kind === "state") this.reloadIfMoved(data.nodes);
		if (name === this.home && kind === "node") this.reloadIfMoved([data]);
		const status = this.statuses.get(name);
		if (!status) return;
		if (kind === "beat") {
			const { condition, led, counters, round_trips_ms: spans } = data;
			Object.assign(status, { condition, led, counters });
			status.nodes.forEach((node, index) => (node.round_trip_ms = spans[index]));
		} else if (kind === "node") {
			const index = status.nodes.findIndex((node) => node.name === data.name);
			if (index >= 0) status.nodes[index] = { ...status.nodes[index], ...data };
		} else if (kind === "ball") {
			this.onBall(stream, data);
		} else if (kind === "gone") {
			const views = this.views.get(data.ball);
			views?.delete(name);
			if (!views?.size) this.views.delete(data.ball); // a guest has left
		} else if (kind === "return") {
			this.onReturn(data, true);
		}
		if (opened) this.change("link", name);
		this.change("data");
	}

	onState(stream, status) {
		const { ring, shape, lease_ms, screen, carom, node } = status;
		const first = !this.facts;
		if (first) {
			this.facts = { ring, shape, lease_ms, screen, carom };
			this.home = node;
			this.names = status.nodes.map((other) => other.name);
			this.voters = new Set(status.nodes.filter(({ voter }) => voter).map(({ name }) => name));
			this.row = shape === "row";
			this.large = isLarge(this.names);
			this.index = new Map(this.names.map((name, index) => [name, index]));
			this.endpoints = new Map(status.nodes.map((other) => [other.name, other.http]));
		}
		this.statuses.set(node, { ...status, url: stream.url });
		for (const views of this.views.values()) views.delete(node);
		for (const ball of status.balls) this.onBall(stream, ball);
		if (status.last_return) this.onReturn(status.last_return, false);
		this.listen();
		if (first && this.large && !this.only && !this.lab) this.survey.step();
	}

	/** Listens to the chosen nodes, and to the next ones where some do not answer. */
	listen() {
		if (!this.facts) return;
		const limit = performance.now() - RETRY_MS;
		const fails = (name) => !this.isOpen(name) && this.failed.get(name) > limit;
		const wanted = new Set(this.only ? this.names.filter((name) => this.only(name, this)) : [...choose(this), ...choose(this, fails)]);
		for (const [url, stream] of this.streams) {
			if (!stream.expects || wanted.has(stream.expects)) continue;
			stream.pause();
			this.streams.delete(url);
		}
		for (const name of wanted) this.subscribe(name);
	}

	/** A page may connect only to the endpoints known when it was loaded. */
	reloadIfMoved(nodes) {
		if (nodes.some(({ name, http }) => this.endpoints.get(name) !== http)) location.reload();
	}

	subscribe(name) {
		const url = this.url(name);
		if (name === this.home || !url || this.streams.has(url)) return;
		try {
			const stream = this.stream(url);
			stream.expects = name;
			stream.connect();
		} catch {
			this.streams.delete(url); // no address that a browser can reach
			this.failed.set(name, Infinity);
		}
	}

	onBall(stream, ball) {
		if (!this.views.has(ball.ball)) this.views.set(ball.ball, new Map());
		const views = this.views.get(ball.ball);
		const before = views.get(stream.name);
		const now = performance.now();
		const sent = ball.uptime_seconds === undefined ? now : ball.uptime_seconds * 1000 + stream.offset;
		const view = { ...ball, by: stream.name, received: now, at: Math.min(now, sent) - ball.age_seconds * 1000 };
		// A passing node reports where the ball left; it enters at the other side.
		if (!view.here && before?.here && view.holder !== stream.name && view.position) {
			const [width] = this.facts.screen;
			view.position = [view.velocity[0] > 0 ? 0 : width, view.position[1]];
			this.change("pass", { ball: view.ball, from: stream.name, to: view.holder, color: view.color });
		}
		views.set(stream.name, view);
	}

	onReturn(returned, live) {
		const at = performance.now() - returned.age_seconds * 1000;
		if (this.returned && this.returned.at > at + 50) return;
		const known = this.returned && Math.abs(this.returned.at - at) < 1000 && this.returned.to === returned.to;
		this.returned = { ...returned, at, away_ms: returned.by === "obituary" ? returned.after_ms : returned.away_ms };
		if (live && !known) this.change("return", this.returned);
	}

	isOpen(name) {
		return this.heard.has(name);
	}

	/** Whether the page has just become visible. */
	get resumes() {
		return !this.heard.size && performance.now() - this.resumed < RESUME_MS;
	}

	open() {
		return [...this.heard];
	}

	/** What one node reports of another: every status has the nodes in the same order. */
	report(by, name) {
		return this.statuses.get(by)?.nodes[this.index.get(name)];
	}

	reported(name) {
		const states = new Set();
		for (const other of this.heard) if (other !== name) states.add(this.report(other, name)?.state);
		return states.has("up") ? "up" : states.has("down") ? "down" : "unknown";
	}

	/** `heard`: its stream is open; `age`: how old the answer is, in seconds, if no stream tells of it. */
	node(name) {
		const heard = this.isOpen(name);
		const twin = this.open().map((by) => by !== name && this.report(by, name)?.duplicate).find(Boolean);
		const theirs = this.reported(name);
		const told = !heard && theirs === "unknown" ? this.survey.told(name) : null;
		const own = told?.status ?? this.statuses.get(name);
		let state = told?.state ?? theirs;
		if (heard) state = own.condition === "cut-off" || theirs !== "down" ? condition(own) : "down";
		const balls = heard && state !== "down" ? this.here(name) : [];
		const led = heard && state !== "down" ? { fault: own.led.fault, lit: balls.some((ball) => ball.here) } : null;
		return { name, state, heard, balls, led, twin, age: told?.age, counters: own?.counters, url: this.url(name) };
	}

	url(name) {
		if (name === this.home) return location.origin;
		const http = this.endpoints.get(name);
		return http ? `http://${http.startsWith(":") ? location.hostname : ""}${http}` : null;
	}

	here(name) {
		const views = Array.from(this.views.values(), (views) => views.get(name));
		return views.filter((view) => view?.here || view?.frozen);
	}

	balls() {
		return (this.cache ??= this.merge());
	}

	merge() {
		return [...this.views.keys()].sort((a, b) => a - b).map((ball) => {
			const views = [...this.views.get(ball).values()].filter((view) => this.isOpen(view.by));
			const known = (view) => Number(view.here) * 2 + Number(Boolean(view.holder));
			views.sort((a, b) => compare(b, a) || known(b) - known(a) || b.at - a.at);
			const here = views.filter((view) => view.here);
			const best = here[0] ?? views.find((view) => (view.frozen || view.loan) && !compare(view, views[0])) ?? views[0];
			if (!best || (this.large && !best.holder)) return { ...best, ball, phase: "unseen", views: [] };
			let phase = best.here ? "here" : best.frozen ? "frozen" : best.loan ? "lent" : "away";
			// Known from others: the holder's stream is closed, or it has not reported yet.
			const fresh = performance.now() - best.received < HANDOVER_MS;
			if (phase === "away" && best.holder && best.position && (fresh || !this.isOpen(best.holder))) {
				const { state } = this.node(best.holder);
				// Nobody near a far holder may be listened to, but a voter hears it.
				const far = this.large && state === "unknown" && condition(this.statuses.get(best.by)) === "up";
				if (state === "up" || far) phase = "heard";
			}
			const shown = here.length ? here : best.loan || phase === "away" ? [] : [best];
			return { ...best, phase, views: shown };
		});
	}

	place(view, now, past) {
		return place(view, this.facts.screen, now, past);
	}

	/** What two nodes report of each other. */
	between(one, other) {
		return [[one, other], [other, one]].map(([by, name]) => this.isOpen(by) && this.report(by, name)).filter(Boolean);
	}

	linked(one, other) {
		const views = this.between(one, other);
		if (views.length) return views.every(({ state }) => state === "up");
		return [one, other].every((name) => this.node(name).state === "up");
	}

	roundTrip(one, other) {
		const views = this.between(one, other).filter(({ state }) => state === "up");
		return views.find(({ round_trip_ms: span }) => span != null)?.round_trip_ms ?? null;
	}
}
