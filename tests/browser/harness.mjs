// The stage: real `carom` processes in a folder of their own, and Debian's Chromium.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CAROM = process.env.CAROM;
const PICTURES = process.env.CAROM_PICTURES;
const require = createRequire(join(process.env.CAROM_PLAYWRIGHT, "package.json"));
const { chromium } = require("playwright-core");

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Ports that nobody listens on now, below those that the system gives to outgoing connections: a
 * node that is down for a while must find its port free when it comes back.
 */
async function freePorts(count, taken = []) {
  const isFree = (port) => new Promise((done) => {
    const server = createServer().once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
  const found = new Set();
  for (let port = 16000 + ((process.pid * 31) % 12000); found.size < count; port++) {
    if (!taken.includes(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

/** A ring of processes on the loopback. */
export class Cluster {
  static async start({ name = `browser-${process.pid}`, nodes = 5, velocity = [800, 130], lease = "500ms" } = {}) {
    const cluster = new Cluster();
    cluster.folder = mkdtempSync(join(tmpdir(), "carom-browser-"));
    cluster.names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    const ports = await freePorts(nodes * 4);
    cluster.ports = {};
    let text = `[ring]\nname = "${name}"\nlease = "${lease}"\n`;
    for (const name of cluster.names) {
      const [ring, receiver, rate, http] = ports.splice(0, 4);
      cluster.ports[name] = { ring, receiver, rate, http };
      text += `\n[[node]]\nname = "${name}"\nhost = "127.0.0.1"\n`;
      text += `ports = { ring = ${ring}, receiver = ${receiver}, rate = ${rate}, http = ${http} }\n`;
    }
    text += `\n[[ball]]\nstart = "n1"\nposition = [0, 300]\nvelocity = [${velocity}]\n`;
    writeFileSync(join(cluster.folder, "ring.toml"), text);
    cluster.processes = {};
    for (const name of cluster.names) cluster.spawn(name);
    await until(30000, "every node in the ring, and one with the ball", async () => {
      const said = await Promise.all(cluster.names.map((name) => cluster.status(name)));
      const whole = (one) => one.condition === "in-ring" && one.nodes.every(({ state }) => state === "up");
      return said.every(whole) && said.some(({ led }) => led.lit);
    });
    return cluster;
  }

  spawn(name) {
    const log = openSync(join(this.folder, `${name}.log`), "a");
    const environment = Object.entries(process.env).filter(([key]) => !key.startsWith("CAROM_"));
    this.processes[name] = spawn(CAROM, ["run", "--config", join(this.folder, "ring.toml"), "--node", name], {
      stdio: ["ignore", log, log],
      env: Object.fromEntries(environment),
    });
  }

  /** Gives it another port for its page in the ring file, which all nodes share. */
  async move(name) {
    const file = join(this.folder, "ring.toml");
    const { http } = this.ports[name];
    // Not even one of its own that is free just now.
    [this.ports[name].http] = await freePorts(1, Object.values(this.ports).flatMap(Object.values));
    const text = readFileSync(file, "utf8").replace(`http = ${http} }`, `http = ${this.ports[name].http} }`);
    writeFileSync(file, text);
  }

  /** SIGKILL; the moment before it, once the process is gone. */
  async kill(name) {
    const child = this.processes[name];
    const gone = new Promise((done) => child.once("exit", done));
    const before = Date.now();
    child.kill("SIGKILL");
    await gone;
    return before;
  }

  url(name, path = "/") {
    return `http://127.0.0.1:${this.ports[name].http}${path}`;
  }

  async status(name) {
    const answer = await fetch(this.url(name, "/status"));
    return answer.json();
  }

  stop() {
    for (const child of Object.values(this.processes)) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  logs() {
    return this.names.map((name) => `--- ${name}\n${readFileSync(join(this.folder, `${name}.log`), "utf8")}`).join("\n");
  }
}

export async function until(limit, what, ask) {
  const end = Date.now() + limit;
  let last;
  while (Date.now() < end) {
    try {
      const found = await ask();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`waited ${limit} ms in vain for ${what}${last ? ` (${last.message})` : ""}`);
}

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CAROM_CHROMIUM,
    // Root has no sandbox of its own in a container; the pages are ours, on the loopback.
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
    timeout: 120000,
  });
}

/** A page of its own profile that must not complain. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(60000);
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    // That a dead node cannot be reached is what the browser says, and what the tests are about.
    if (message.type() === "error" && !/ERR_|404|503/.test(text)) page.complaints.push(text);
  });
  await page.goto(url);
  return page;
}

export async function picture(page, name, options = {}) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), ...options });
}
