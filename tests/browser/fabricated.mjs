// A ring of any size that is only pretended: every node has a port and serves the files of the page,
// /status and /events, with what a node of a large ring knows. For rings that are too large for one machine.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const FILES = new URL("../../src/http/page/", import.meta.url);
const KINDS = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const SCREEN = [800, 600];

function file(path) {
  const name = { "/": "index.html", "/screen": "screen.html" }[path] ?? path.slice("/page/".length);
  return { kind: KINDS[name.split(".").pop()], text: readFileSync(new URL(name, FILES)) };
}

export class FabricatedRing {
  static async start({ nodes, holds = 800 }) {
    const ring = new FabricatedRing();
    Object.assign(ring, { count: nodes, holds, hop: 1, holder: 0, asked: new Map(), most: 0 });
    ring.names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    ring.voters = new Set(Array.from({ length: 7 }, (_, i) => Math.floor((i * nodes) / 7)));
    ring.followers = ring.names.map(() => new Set());
    ring.servers = await Promise.all(ring.names.map((_, i) => ring.serve(i)));
    ring.began = performance.now();
    ring.timer = setInterval(() => ring.pass(), holds);
    ring.beats = setInterval(() => ring.each((i) => ring.send(i, "beat", ring.heartbeat(i))), 2000);
    return ring;
  }

  async serve(i, port = 0) {
    const server = createServer((request, response) => this.answer(i, request, response));
    await new Promise((done) => server.listen(port, "127.0.0.1", done));
    server.port = server.address().port;
    return server;
  }

  answer(i, request, response) {
    const path = request.url.split("?")[0];
    const origin = { "access-control-allow-origin": request.headers.origin ?? "*" };
    if (path === "/status") {
      this.asked.set(i, (this.asked.get(i) ?? 0) + 1);
      response.writeHead(200, { ...origin, "content-type": "application/json" }).end(JSON.stringify(this.status(i)));
    } else if (path === "/events") {
      response.writeHead(200, { ...origin, "content-type": "text/event-stream" });
      this.followers[i].add(response);
      this.most = Math.max(this.most, this.streams().length);
      response.on("close", () => this.followers[i].delete(response));
      this.write(response, "state", this.status(i));
    } else if (path === "/" || path === "/screen" || path.startsWith("/page/")) {
      const { kind, text } = file(path);
      response.writeHead(200, { "content-type": kind }).end(text);
    } else {
      response.writeHead(404, origin).end();
    }
  }

  /** The nodes with streams, one entry for each stream. */
  streams() {
    return this.followers.flatMap((set, i) => Array.from(set, () => this.names[i]));
  }

  write(response, kind, data) {
    response.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  send(i, kind, data) {
    for (const response of this.followers[i]) this.write(response, kind, data);
  }

  each(act) {
    this.names.forEach((_, i) => this.servers[i] && act(i));
  }

  /** Whether a node hears another: the two nearest that live on each side, and the dead between. */
  near(i, other) {
    for (const side of [1, -1]) {
      for (let step = 1, found = 0; step < this.count && found < 2; step++) {
        const at = (((i + side * step) % this.count) + this.count) % this.count;
        if (at === other) return true;
        if (this.servers[at]) found++;
      }
    }
    return false;
  }

  status(i) {
    const now = performance.now();
    const nodes = this.names.map((name, other) => ({
      name, voter: this.voters.has(other), since_seconds: 1,
      state: other === i || (this.near(i, other) && this.servers[other]) ? "up" : this.near(i, other) ? "down" : "unknown",
      http: `127.0.0.1:${this.servers[other]?.port ?? this.ports?.get(other)}`,
    }));
    return {
      version: 1, carom: "0.0.0", ring: "fabricated", node: this.names[i], incarnation: "1", condition: "in-ring",
      uptime_seconds: now / 1000, shape: "ring", lease_ms: 500, on_partition: "freeze", screen: SCREEN,
      key: null, led: { lit: this.holder === i }, nodes, balls: [this.ball(i)], ...this.heartbeat(i),
    };
  }

  heartbeat(i) {
    const counters = { hops: 0, elections: 0, refused_passes: 0, reconnects: 0, bad_lines: 0 };
    const round_trips_ms = this.names.map((_, other) => (other !== i && this.near(i, other) ? 0.4 : null));
    return { condition: "in-ring", uptime_seconds: performance.now() / 1000, led: { lit: this.holder === i }, counters, round_trips_ms };
  }

  /** The ball as a node knows it: only voters and the nodes near the holder have heard of it lately. */
  ball(i) {
    const common = { ball: 1, radius: 30, color: [255, 64, 0], here: this.holder === i, frozen: false, age_seconds: 0 };
    const knows = this.holder === i || this.voters.has(i) || this.near(this.holder, i);
    if (!knows) return { ...common, generation: "1.5", hop: 0, age_seconds: 60 };
    const age_seconds = (performance.now() - (this.passed ?? performance.now())) / 1000;
    const velocity = [(1000 * SCREEN[0]) / this.holds, 130];
    return { ...common, holder: this.names[this.holder], generation: "1.5", hop: this.hop, position: [0, 300], velocity, age_seconds };
  }

  pass() {
    const before = this.holder;
    do this.holder = (this.holder + 1) % this.count;
    while (!this.servers[this.holder]);
    this.hop++;
    this.passed = performance.now();
    const knows = (i) => i === before || i === this.holder || this.voters.has(i) || this.near(this.holder, i);
    this.each((i) => knows(i) && this.send(i, "ball", { ...this.ball(i), uptime_seconds: performance.now() / 1000 }));
  }

  kill(i) {
    this.ports ??= new Map();
    this.ports.set(i, this.servers[i].port);
    for (const response of this.followers[i]) response.destroy();
    this.servers[i].close();
    this.servers[i].closeAllConnections();
    this.servers[i] = null;
    this.tellOf(i, "down");
  }

  async revive(i) {
    this.servers[i] = await this.serve(i, this.ports.get(i));
    this.tellOf(i, "up");
  }

  tellOf(i) {
    this.each((other) => other !== i && this.near(other, i) && this.send(other, "node", this.status(other).nodes[i]));
  }

  url(i, path = "/") {
    return `http://127.0.0.1:${this.servers[i].port}${path}`;
  }

  stop() {
    clearInterval(this.timer);
    clearInterval(this.beats);
    this.each((i) => {
      this.servers[i].close();
      this.servers[i].closeAllConnections();
    });
  }
}
