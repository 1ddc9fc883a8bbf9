// The page of the lab: what students send is where it belongs, from any node, on any screen, and by keyboard.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { promisify } from "node:util";
import { openPage, picture, until } from "./harness.mjs";

const run = promisify(execFile);
const SENDER = new URL("../interop/rate_sender.py", import.meta.url).pathname;
// Three students: where from, how many bytes, in chunks of which size.
const STUDENTS = [["127.0.0.2", 5000, 10], ["127.0.0.3", 200000, 1000], ["127.0.0.4", 40000, 200]];
const WAYS = ["kept", "reopened"];

const send = (port, [from, total, size], way) => run("python3", [SENDER, "127.0.0.1", port, total, size, way, "together", 1, from].map(String));

function say(port, text, from = "127.0.0.2") {
  return new Promise((done, failed) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: from }, () => socket.end(text, () => done(socket)));
    socket.on("error", failed);
  });
}

/** The marks of the figure, read back by its own axes: from which address, which kind, and the two values. */
const marks = (page) => page.evaluate(() => {
  const svg = document.getElementById("figure");
  const axis = (name, key) => {
    const ticks = [...svg.querySelectorAll(`text.${name}`)].map((tick) => [Number(tick.getAttribute(key)), Math.log10(tick.dataset.value)]);
    const [first, last] = [ticks[0], ticks.at(-1)];
    return (place) => 10 ** (first[1] + ((place - first[0]) / (last[0] - first[0])) * (last[1] - first[1]));
  };
  const size = Number(svg.querySelector("text.y").getAttribute("font-size"));
  const [x, y] = [axis("x", "x"), axis("y", "y")];
  return [...svg.querySelectorAll(".run")].map((mark) => {
    const [across, down] = mark.getAttribute("transform").match(/[\d.]+/g).map(Number);
    const shape = mark.firstChild.tagName === "circle" ? "kept" : "reopened";
    // The words of a grid line stand lower than the line.
    return { from: mark.dataset.from, shape, color: mark.firstChild.getAttribute("stroke"), x: x(across), y: y(down + size * 0.35) };
  });
});

/** Sent to three nodes, seen on the page of a fourth. */
export async function figureIsTrue(ring, browser) {
  const page = await openPage(browser, ring.url("n4", "/lab"), { acceptDownloads: true });
  await until(10000, "the page to hear the labs", async () => (await page.getAttribute("#summary", "data-well")) === "true");
  const truth = [];
  for (const [at, student] of STUDENTS.entries()) {
    for (const way of WAYS) {
      const node = ring.names[at];
      await send(ring.ports[node].rate, student, way);
      const { latest } = await until(5000, "the run in the list", async () => {
        const list = await (await fetch(ring.url(node, "/rates"))).json();
        return list.latest[0]?.peer === student[0] && list.latest[0].connect === way && list;
      });
      truth.push(latest[0]);
    }
  }
  const found = await until(5000, "six marks", async () => {
    const found = await marks(page);
    return found.length === truth.length && found;
  });
  let worst = 0;
  for (const { peer, connect, bytes, segments, bytes_per_second: speed } of truth) {
    const mark = found.find(({ from, shape }) => from === peer && shape === connect);
    assert.ok(mark, `${peer}, ${connect}: ${JSON.stringify(found)}`);
    const off = Math.max(Math.abs(mark.x / (bytes / segments) - 1), Math.abs(mark.y / speed - 1));
    assert.ok(off < 0.01, `${peer}, ${connect}: drawn at ${mark.x} B, ${mark.y} B/s; it was ${bytes / segments} B, ${speed} B/s`);
    worst = Math.max(worst, off);
  }
  const colors = new Set(found.map(({ from, color }) => `${from} ${color}`));
  assert.equal(colors.size, 3, "a colour for each address");
  await chosen(page);
  const rows = await saved(page, "#csv");
  assert.equal(rows.trim().split("\n").length, 1 + truth.length);
  assert.ok(rows.includes(String(truth[0].bytes_per_second)), rows);
  const svg = await saved(page, "#svg");
  assert.ok(svg.startsWith("<svg") && svg.includes("127.0.0.3") && !svg.includes("var("), svg.slice(0, 300));
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  return `six runs of three senders, within ${(worst * 100).toFixed(2)} %`;
}

/** A sender is left out and shown again. */
async function chosen(page) {
  const box = page.getByRole("checkbox", { name: /^127\.0\.0\.3/ });
  await box.uncheck();
  await until(5000, "four marks", async () => (await marks(page)).length === 4);
  assert.ok((await marks(page)).every(({ from }) => from !== "127.0.0.3"));
  await box.check();
  await until(5000, "six marks", async () => (await marks(page)).length === 6);
}

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return readFileSync(await download.path(), "utf8");
}

const MARKUP = '<img src=x onerror="document.title=`owned`">\u202e&amp;';

/** Messages, and a connection that is open, on the page of another node. */
export async function wallIsLive(ring, browser) {
  const page = await openPage(browser, ring.url("n5", "/lab"));
  await say(ring.ports.n2.receiver, `${MARKUP}\n`);
  // What turns text round is escaped. Other checks have sent markup, too.
  await page.locator("#wall li p").filter({ hasText: "<img src=x" }).filter({ hasText: "\\u{202e}" }).waitFor();
  assert.equal(await page.locator("#wall img").count(), 0);
  const socket = connect({ port: ring.ports.n3.rate, host: "127.0.0.1", localAddress: "127.0.0.4" });
  const drip = setInterval(() => socket.write("X".repeat(500)), 100);
  try {
    const line = page.locator("#open li").filter({ hasText: "127.0.0.4" });
    await line.waitFor();
    const points = () => line.locator("polyline").getAttribute("points");
    await until(5000, "a line that grows", async () => (await points()).split(" ").length > 6);
    assert.match(await line.textContent(), /→ n3rate endpoint, [\d.]+ k?B, /);
  } finally {
    clearInterval(drip);
    socket.end("\n");
  }
  await until(5000, "the line to go", async () => (await page.locator("#open li").filter({ hasText: "127.0.0.4" }).count()) === 0);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  return "a message with markup as text, and an open connection while it is open";
}

/** Sizes, colours and the keyboard, with what the steps before have sent. */
export async function labForEveryone(ring, browser, poorContrast) {
  for (const [name, width, height, colorScheme] of [
    ["phone", 390, 844, "light"], ["laptop", 1280, 800, "light"], ["projector", 1920, 1080, "dark"],
  ]) {
    const page = await openPage(browser, ring.url("n1", "/lab"), { viewport: { width, height }, colorScheme });
    await page.waitForSelector("#figure .run");
    await page.waitForSelector("#wall li");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${name} must not scroll sideways: ${wide}`);
    assert.deepEqual(await page.evaluate(poorContrast), [], name);
    if (name === "projector") await page.click("#big");
    await picture(page, `lab-${name}`);
    if (name === "laptop") {
      await page.focus("#svg");
      await page.keyboard.press("Tab");
      const words = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
      const [one, told] = [await words(), await page.textContent("#told")];
      assert.match(one, /^127\.0\.0\.\d to n\d: .* [kMG]?B\/s, /);
      assert.ok(told.startsWith(one), told);
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowRight");
      assert.notEqual(await words(), one);
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
  return "three sizes, contrast, keyboard";
}
