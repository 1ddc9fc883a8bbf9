// The panels beside the ring. Everything is set as text.
const byId = (id) => document.getElementById(id);

export function element(tag, name, text) {
	const made = document.createElement(tag);
	if (name) made.className = name;
	if (text !== undefined) made.textContent = text;
	return made;
}

export const count = (number) => number == null ? "–" : Number(number).toLocaleString("en").replaceAll(",", "\u202f");

export function millis(span) {
	return span < 10 ? `${span.toFixed(1)} ms` : `${Math.round(span)} ms`;
}

export function ago(seconds) {
	if (seconds < 60) return `${Math.round(seconds)} s ago`;
	if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
	return `${Math.round(seconds / 3600)} h ago`;
}

/** How old the news of a ball is that its node does not report itself. */
export function aged({ phase, received }) {
	const seconds = (performance.now() - received) / 1000;
	return phase === "heard" && seconds >= 1 ? `, ${ago(seconds)}` : "";
}

/** A state as people read it. */
export const label = (state) => (state === "draining" ? "stopping" : state);

/** A new table's body; the heads of columns of numbers begin with #. */
export function table(id, title, heads) {
	const section = element("section", "card wide");
	const scroll = element("div", "scroll");
	const made = element("table");
	const row = made.createTHead().insertRow();
	for (const text of heads.split("|")) {
		const head = element("th", text.startsWith("#") ? "number" : "", text.replace("#", ""));
		head.scope = "col";
		row.append(head);
	}
	const body = made.createTBody();
	Object.assign(section, { id: `${id}-section`, tabIndex: -1 });
	Object.assign(scroll, { tabIndex: 0, role: "region", ariaLabel: `Table of ${title.toLowerCase()}` });
	body.id = id;
	scroll.append(made);
	section.append(element("h2", "", title), scroll);
	document.querySelector("main").append(section);
	return body;
}

/** A new row, which begins with a head if `first` is given. */
export function newRow(body, first) {
	const row = body.insertRow();
	for (const { className } of body.parentElement.tHead.rows[0].cells) row.append(element("td", className));
	if (!first) return row;
	const head = element("th");
	head.scope = "row";
	head.append(...first);
	row.firstChild.replaceWith(head);
	return row;
}

const SETTLED_MS = 4000;
const MOST_LINES = 40;

export function panels(ring) {
	const before = new Map(); // the last state of every node and ball
	const rows = new Map();
	const nodeTable = table("rows", "Nodes", "Node|State|LED|Ball|#Passes taken|#Elections won|Links, there and back");
	const ballTable = table("balls", "Balls", "Ball|Where|#Hop|Generation");
	let carrier = null;

	function log(text, kind = "") {
		const line = element("li", kind);
		line.append(element("time", "", new Date().toLocaleTimeString("en-GB")), element("span", "", text));
		byId("log").prepend(line);
		while (byId("log").children.length > MOST_LINES) byId("log").lastChild.remove();
	}

	function set(target, text) {
		if (target.textContent !== text) target.textContent = text;
	}

	function link() {
		const { home } = ring;
		const open = ring.open();
		const banner = byId("banner");
		if (open.includes(home)) {
			if (!banner.hidden && carrier !== null) log(`${home} answers this page again`, "good");
			banner.hidden = true;
			carrier = null;
			return;
		}
		carrier = open.includes(carrier) ? carrier : open[0] ?? null;
		banner.hidden = false;
		banner.replaceChildren();
		if (!carrier) {
			banner.append("No node of the ring answers this page. It keeps trying.");
			return;
		}
		const other = element("a", "", `Open it at ${carrier}`);
		other.href = `${ring.url(carrier)}/`;
		banner.append(`${home}, which served this page, does not answer. The page goes on with ${carrier}. `, other);
	}

	function returned({ ball, from, to, away_ms }) {
		log(`${to} took ball ${ball} back after ${millis(away_ms)}, last heard of on ${from}`, "good");
	}

	function renew(balls, states) {
		const { facts } = ring;
		if (!byId("ring").dataset.known) log(`listening to the ring by ${ring.home}`);
		byId("ring").dataset.known = "yes";
		set(byId("ring"), facts.ring);
		document.title = `${facts.ring} · Carom`;
		const { key } = ring.statuses.get(ring.home);
		set(byId("version"), `carom ${facts.carom}${key ? "" : " · no key: anyone on the network can take the ball"}`);
		const nodes = [...states.values()];
		happened(nodes, balls);
		summary(nodes, balls);
		figures(nodes, balls);
		showNodes(nodes, balls);
		showBalls(balls);
		const back = ring.returned;
		if (back) {
			set(byId("away"), millis(back.away_ms));
			const age = ago((performance.now() - back.at) / 1000);
			set(byId("return-words"), `${back.to} took ball ${back.ball} back, ${age}, from ${back.from}, ${back.by === "obituary" ? "this long after the proof that its process had ended" : "whose lease had run out"}.`);
		}
	}

	function happened(nodes, balls) {
		for (const { name, state } of nodes) {
			const was = before.get(name);
			// Whether a node of a large ring is known depends on what the page listens to.
			if (ring.large && state === "unknown") continue;
			before.set(name, state);
			if (was === undefined || was === state) continue;
			// What the page learns while it loads has not just happened.
			if (performance.now() < SETTLED_MS && was === "unknown") continue;
			const bad = state === "down" || state === "cut off";
			log(`${name} is ${label(state)}`, bad ? "bad" : state === "up" ? "good" : "");
		}
		for (const { ball, phase, holder, generation } of balls) {
			const key = `ball ${ball}`;
			const was = before.get(key) ?? {};
			const round = generation?.split(".")[0];
			const lost = phase === "away" || phase === "unseen";
			before.set(key, { phase: lost ? "away" : phase, round: round ?? was.round });
			if (was.phase === undefined) continue;
			if (phase === "frozen" && was.phase !== "frozen") log(`ball ${ball} stands still on ${holder}: no majority answers`, "bad");
			if (was.phase === "frozen" && !lost && phase !== "frozen") log(`ball ${ball} moves again on ${holder}`, "good");
			if (lost && was.phase !== "away" && was.phase !== "frozen") log(`ball ${ball} is away`, "bad");
			if (round && was.round && round !== was.round) log(`ball ${ball} begins generation ${round} on ${holder}`);
		}
	}

	/** The nodes that are not up, by state: "pi1, pi2 cut off; pi3 unknown". */
	function summary(nodes, balls) {
		const amiss = new Map();
		let well = 0;
		for (const { name, state, twin } of nodes) {
			if (twin) amiss.set(`twice, at ${twin.connected} and ${twin.refused}`, [name]);
			if (state === "up") well++;
			else amiss.set(state, [...(amiss.get(state) ?? []), name]);
		}
		const few = (names) => (names.length > 3 ? `${names.length} nodes` : names.join(", "));
		const parts = [...amiss].map(([state, names]) => `${few(names)} ${label(state)}`);
		const still = balls.filter(({ phase }) => phase === "frozen").length;
		if (still) parts.push(still === 1 ? "a ball stands still" : `${still} balls stand still`);
		const text = `${well} of ${nodes.length} nodes up${parts.length ? `: ${parts.join("; ")}` : ""}`;
		set(byId("summary"), text);
		const open = ring.large && parts.length === 1 && amiss.has("unknown");
		byId("summary").dataset.well = open ? "" : !parts.length;
	}

	function figures(nodes, balls) {
		const sum = (key) => nodes.reduce((all, { counters }) => all + (counters?.[key] ?? 0), 0);
		const newest = balls.map(({ generation }) => Number(generation?.split(".")[0] ?? 0));
		const pairs = [
			["hops", count(balls.reduce((all, { hop }) => all + (hop ?? 0), 0))],
			["generation", newest.length ? count(Math.max(...newest)) : "–"],
			["elections", count(sum("elections"))],
			["lease", `${count(ring.facts.lease_ms)} ms`],
		];
		pairs.forEach(([name, value], i) => {
			const pair = byId("figures").children[i] ?? byId("figures").appendChild(element("div"));
			if (!pair.firstChild) pair.append(element("dt", "", name), element("dd"));
			set(pair.lastChild, value);
		});
	}

	function showNodes(nodes, balls) {
		for (const node of nodes) {
			const { name } = node;
			if (!rows.has(name)) rows.set(name, newRow(nodeTable, [name]));
			const row = rows.get(name);
			row.dataset.state = node.state;
			const has = balls.filter(({ views }) => views.some((view) => view.holder === name));
			const its = has.map(({ ball, phase }) => (phase === "frozen" ? `${ball} (frozen)` : String(ball)));
			const led = node.led ? node.led.fault ?? (node.led.lit ? "on" : "off") : "?";
			const others = ring.large && !node.heard ? [] : ring.names.filter((other) => other !== name);
			const spans = others.map((other) => [other, ring.roundTrip(name, other)]);
			const known = spans.filter(([, span]) => span !== null);
			const [slow, most] = known.reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
			const all = known.map(([other, span]) => `${other} ${millis(span)}`).join(", ");
			const few = `${known.length} up, slowest ${slow} ${millis(most)}`;
			const links = known.length === 0 ? "–" : known.length > 6 ? few : all;
			const reached = ring.large || node.heard || node.state !== "up" ? "" : " (this page does not reach it)";
			const unheard = node.age >= 1 ? `, ${ago(node.age)}` : reached;
			const { hops, elections } = node.counters ?? {};
			const cells = [label(node.state) + unheard, led, its.join(", ") || "–", hops === undefined ? "?" : count(hops), elections === undefined ? "?" : count(elections), links];
			cells.forEach((text, i) => set(row.children[i + 1], text));
		}
	}

	function showBalls(balls) {
		const rows = new Map([...ballTable.rows].map((row) => [Number(row.dataset.ball), row]));
		for (const [ball, row] of rows) if (!balls.some((one) => one.ball === ball)) row.remove();
		for (const ball of balls) {
			let row = rows.get(ball.ball);
			if (!row) {
				const dot = element("span", "dot");
				dot.style.background = `rgb(${(ball.color ?? [0, 0, 0]).map(Number).join(" ")})`;
				row = newRow(ballTable, [dot, String(ball.ball)]);
				row.dataset.ball = ball.ball;
			}
			const where = { here: ball.holder, heard: ball.holder + aged(ball), frozen: `${ball.holder}, standing still`, lent: `${ball.loan?.window}, lent by ${ball.holder}`, away: `away; last on ${ball.holder ?? "no node"}`, unseen: ring.large ? "not known" : "not seen yet" };
			[where[ball.phase], count(ball.hop), ball.generation ?? "–"].forEach((text, i) => set(row.children[i + 1], text));
		}
	}

	return { link, returned, renew };
}
