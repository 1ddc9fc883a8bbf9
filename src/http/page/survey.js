// In a large ring: asks one node after another for what no stream tells.
const ROUND_MS = 15000;
const PAUSE_MS = 250;
const ANSWER_MS = 3000;
const FADE_MS = 120000; // an older answer tells nothing

export const condition = ({ condition: own }) => ({ "cut-off": "cut off", "in-ring": "up" })[own] ?? own;

export class Survey {
	constructor(ring) {
		Object.assign(this, { ring, known: new Map(), at: 0 });
	}

	told(name) {
		const found = this.known.get(name);
		const age = (performance.now() - found?.at) / 1000;
		return age * 1000 < FADE_MS ? { ...found, age } : null;
	}

	async step() {
		const name = document.hidden ? null : this.next();
		if (name) await this.ask(name).catch(() => {}); // Its neighbours are asked, too.
		setTimeout(() => this.step(), Math.max(PAUSE_MS, ROUND_MS / this.ring.names.length));
	}

	/** Every second node is asked: a node tells of its neighbours. */
	next() {
		const { ring } = this;
		const { names } = ring;
		const silent = (name) => !ring.isOpen(name) && ring.reported(name) === "unknown";
		for (let steps = 0; steps < names.length; steps++) {
			// Of an even number, the others come in the next round.
			this.at = this.at + 2 < names.length ? this.at + 2 : (this.at + 1) % 2;
			const near = [-1, 0, 1].map((side) => names.at((this.at + side) % names.length));
			if (near.some(silent)) return names[this.at];
		}
		return null;
	}

	async ask(name) {
		const answer = await fetch(`${this.ring.url(name)}/status`, { signal: AbortSignal.timeout(ANSWER_MS) });
		const status = await answer.json();
		if (!this.ring.accepts(status)) return;
		const at = performance.now();
		for (const { name, state } of status.nodes) if (state !== "unknown") this.known.set(name, { ...this.known.get(name), state, at });
		this.known.set(status.node, { state: condition(status), at, status });
		this.ring.change("data");
	}
}
