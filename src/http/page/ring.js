// What the page knows: it listens to every node's /events and puts their words together.
import { place } from "./motion.js";

const SILENCE_MS = 7000; // a node that is well says something every two seconds
const CONNECT_MS = 6000;
const PATIENCE_MS = [300, 600, 1200, 2400, 4000];
const WAKE_MS = 3000;
const MOST_STREAMS = 48; // more nodes are seen by the word of these
const HANDOVER_MS = 400;
const DRIFT = 0.0002; // how much faster than this one another clock may run

/** One node's stream of events, opened again for as long as the page is looked at. */
class Stream {
  constructor(url, ring) {
    Object.assign(this, { url, ring, name: null, open: false, tries: 0, offset: Infinity, synced: 0 });
  }

  connect() {
    this.close();
    const resume = this.last ? `?last=${encodeURIComponent(this.last)}` : "";
    const source = new EventSource(`${this.url}/events${resume}`);
    this.source = source;
    this.watch(CONNECT_MS);
    source.onerror = () => this.lost();
    for (const kind of ["state", "ball", "gone", "node", "return", "beat"]) {
      source.addEventListener(kind, (event) => this.hear(kind, event));
    }
  }

  hear(kind, event) {
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
    if (this.name === null) return;
    this.watch(SILENCE_MS);
    const opened = !this.open;
    this.open = true;
    this.ring.heard.add(this.name);
    this.tries = 0;
    this.sync(data.uptime_seconds, kind === "state");
    this.ring.hear(this, kind, data, opened);
  }

  /** The quickest event tells best how this clock stands to the page's. */
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
    this.close();
    const told = this.open;
    this.quiet();
    if (told) this.ring.change("link", this.name);
    const wait = PATIENCE_MS[Math.min(this.tries++, PATIENCE_MS.length - 1)];
    this.timer = setTimeout(() => this.connect(), wait * (0.8 + Math.random() * 0.4));
    this.ring.change("data");
  }

  pause() {
    this.close();
    this.quiet();
  }

  quiet() {
    this.open = false;
    this.ring.heard.delete(this.name);
  }
}

/** Orders what was said of one ball: generation, then hop. */
function compare(one, other) {
  const parts = (word) => {
    const [round, nonce] = (word.generation ?? "0.").split(".");
    return [Number(round), nonce, word.hop ?? -1];
  };
  const [a, b] = [parts(one), parts(other)];
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return 0;
}

export class Ring {
  /** `changed(kind, detail)` is called after every change. */
  constructor(changed, { only } = {}) {
    this.changed = changed;
    this.only = only; // which nodes to listen to, beside the one that served the page
    this.home = null;
    this.facts = null;
    this.names = [];
    this.streams = new Map(); // by url
    this.speakers = new Map(); // by name: what that node says of itself and of the others
    this.words = new Map(); // by ball, then by speaker
    this.resumed = -Infinity;
    this.heard = new Set(); // the names of those whose streams are open
    this.returned = null;
    this.cache = null;
  }

  change(kind, detail) {
    this.cache = null;
    this.changed(kind, detail);
  }

  start() {
    this.stream(location.origin).connect();
    // Who is not looked at needs no news: a page behind others costs the ring nothing.
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

  hear(stream, kind, data, opened) {
    const name = stream.name;
    if (kind === "state") this.meet(stream, data);
    if (name === this.home && kind === "state") this.heed(data.nodes);
    if (name === this.home && kind === "node") this.heed([data]);
    const speaker = this.speakers.get(name);
    if (!speaker) return;
    if (kind === "beat") {
      const { condition, led, counters, round_trips_ms: spans } = data;
      Object.assign(speaker, { condition, led, counters });
      speaker.nodes.forEach((node, index) => (node.round_trip_ms = spans[index]));
    } else if (kind === "node") {
      const index = speaker.nodes.findIndex((node) => node.name === data.name);
      if (index >= 0) speaker.nodes[index] = { ...speaker.nodes[index], ...data };
    } else if (kind === "ball") {
      this.note(stream, data);
    } else if (kind === "gone") {
      const words = this.words.get(data.ball);
      words?.delete(name);
      if (!words?.size) this.words.delete(data.ball); // a guest has left
    } else if (kind === "return") {
      this.back(data, true);
    }
    if (opened) this.change("link", name);
    this.change("data");
  }

  meet(stream, status) {
    const { ring, shape, lease_ms, screen, carom, node } = status;
    if (!this.facts) {
      this.facts = { ring, shape, lease_ms, screen, carom };
      this.home = node;
      this.names = status.nodes.map((other) => other.name);
      this.doors = new Map(status.nodes.map((other) => [other.name, other.http]));
    }
    this.speakers.set(node, { ...status, url: stream.url });
    for (const words of this.words.values()) words.delete(node);
    for (const ball of status.balls) this.note(stream, ball);
    if (status.last_return) this.back(status.last_return, false);
    for (const { name, http } of status.nodes) this.reach(name, http);
  }

  /** Where a node's page has moved: this page may only ask whom it might when it was loaded. */
  heed(nodes) {
    if (nodes.some(({ name, http }) => this.doors.get(name) !== http)) location.reload();
  }

  /** Listens to another node, unless it does already, by whatever name. */
  reach(name, http) {
    if (name === this.home || !http || (this.only && !this.only(name, this))) return;
    const place = http.startsWith(":") ? location.hostname + http : http;
    const url = `http://${place}`;
    if (this.streams.has(url) || this.streams.size >= MOST_STREAMS) return;
    try {
      const stream = this.stream(url);
      stream.expects = name;
      stream.connect();
    } catch {
      this.streams.delete(url); // no address that a browser can reach
    }
  }

  note(stream, ball) {
    if (!this.words.has(ball.ball)) this.words.set(ball.ball, new Map());
    const words = this.words.get(ball.ball);
    const before = words.get(stream.name);
    const now = performance.now();
    const told = ball.uptime_seconds === undefined ? now : ball.uptime_seconds * 1000 + stream.offset;
    const word = { ...ball, by: stream.name, told: now, at: Math.min(now, told) - ball.age_seconds * 1000 };
    // Who passes a ball says where it left; it comes in at the other side.
    if (!word.here && before?.here && word.holder !== stream.name && word.position) {
      const [width] = this.facts.screen;
      word.position = [word.velocity[0] > 0 ? 0 : width, word.position[1]];
      this.change("pass", { ball: word.ball, from: stream.name, to: word.holder, color: word.color });
    }
    words.set(stream.name, word);
  }

  back(returned, live) {
    const at = performance.now() - returned.age_seconds * 1000;
    if (this.returned && this.returned.at > at + 50) return;
    const known = this.returned && Math.abs(this.returned.at - at) < 1000 && this.returned.to === returned.to;
    this.returned = { ...returned, at };
    if (live && !known) this.change("return", this.returned);
  }

  isOpen(name) {
    return this.heard.has(name);
  }

  /** Whether the page has only just come back, and knows nothing yet. */
  get wakes() {
    return !this.heard.size && performance.now() - this.resumed < WAKE_MS;
  }

  /** Who can be asked now. */
  open() {
    return this.names.filter((name) => this.isOpen(name));
  }

  /** up, down, unknown, or what the node says of itself; `heard` if this page hears it. */
  node(name) {
    const own = this.speakers.get(name);
    const heard = this.isOpen(name);
    const said = new Set();
    for (const other of this.open()) {
      if (other === name) continue;
      const word = this.speakers.get(other)?.nodes.find((node) => node.name === name);
      if (word) said.add(word.state);
    }
    const theirs = said.has("up") ? "up" : said.has("down") ? "down" : "unknown";
    let state = theirs;
    if (heard) {
      const apart = own.condition === "cut-off";
      state = apart ? "cut off" : theirs === "down" ? "down" : own.condition === "in-ring" ? "up" : own.condition;
    }
    const balls = heard && state !== "down" ? this.here(name) : [];
    const led = heard && state !== "down" ? { fault: own.led.fault, lit: balls.some((ball) => ball.here) } : null;
    return { name, state, heard, balls, led, counters: own?.counters, url: own?.url ?? this.url(name) };
  }

  url(name) {
    for (const stream of this.streams.values()) if (stream.expects === name || stream.name === name) return stream.url;
    return null;
  }

  /** The balls that a node says it has, moving or frozen. */
  here(name) {
    const found = [];
    for (const words of this.words.values()) {
      const word = words.get(name);
      if (word && (word.here || word.frozen)) found.push(word);
    }
    return found;
  }

  /** Every ball: where it is, and how sure that is. */
  balls() {
    return (this.cache ??= this.judge());
  }

  judge() {
    return [...this.words.keys()].sort((a, b) => a - b).map((ball) => {
      const words = [...this.words.get(ball).values()].filter((word) => this.isOpen(word.by));
      words.sort((a, b) => compare(b, a) || Number(b.here) - Number(a.here) || b.at - a.at);
      const here = words.filter((word) => word.here);
      const best = here[0] ?? words.find((word) => (word.frozen || word.loan) && !compare(word, words[0])) ?? words[0];
      if (!best) return { ball, phase: "unseen", words: [] };
      let phase = best.here ? "here" : best.frozen ? "frozen" : best.loan ? "lent" : "away";
      // By the word of others: where the holder is not heard, or has not said so yet.
      const fresh = performance.now() - best.told < HANDOVER_MS;
      if (phase === "away" && best.holder && best.position && (fresh || !this.isOpen(best.holder))) {
        if (this.node(best.holder).state === "up") phase = "heard";
      }
      const shown = here.length ? here : best.loan || phase === "away" ? [] : [best];
      return { ...best, phase, words: shown };
    });
  }

  place(word, now, past) {
    return place(word, this.facts.screen, now, past);
  }

  /** What either of two nodes that are heard says of the other. */
  between(one, other) {
    const pairs = [[one, other], [other, one]].filter(([a]) => this.isOpen(a));
    return pairs.map(([a, b]) => this.speakers.get(a)?.nodes.find((node) => node.name === b)).filter(Boolean);
  }

  /** Whether two nodes reach each other; where neither is heard, whether both are up. */
  linked(one, other) {
    const words = this.between(one, other);
    if (words.length) return words.every(({ state }) => state === "up");
    return [one, other].every((name) => this.node(name).state === "up");
  }

  /** There and back between two nodes, by either. */
  roundTrip(one, other) {
    const words = this.between(one, other).filter(({ state }) => state === "up");
    return words.find(({ round_trip_ms: span }) => span != null)?.round_trip_ms ?? null;
  }
}
