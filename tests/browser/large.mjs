// The page of a large ring: what it listens to, what it knows, and whether it can be read.
import assert from "node:assert/strict";
import { FabricatedRing } from "./fabricated.mjs";
import { openPage, picture, until } from "./harness.mjs";

const card = (name) => `.node[data-node=${name}]`;
const wellKnown = (page, state) => page.locator(`.node[data-state="${state}"]`).count();

/** The page listens to those in `wanted`, each once, and to nobody else. */
async function listensTo(ring, wanted) {
  await until(10000, `streams of ${wanted}, not ${ring.streams()}`, () => String(ring.streams().sort()) === String([...wanted].sort()));
}

async function cardsOverlap(page) {
  return page.evaluate(() => {
    const boxes = [...document.querySelectorAll(".node .open")].map((card) => card.getBoundingClientRect());
    const meet = (a, b) => a.x < b.right && b.x < a.right && a.y < b.bottom && b.y < a.bottom;
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => meet(a, b))).length;
  });
}

/** 40 nodes: voters are n1, n6, n12, n18, n23, n29, n35. */
export async function fewStreams(browser) {
  const ring = await FabricatedRing.start({ nodes: 40, holds: 500 });
  try {
    const page = await openPage(browser, ring.url(8));
    await listensTo(ring, ["n7", "n8", "n9", "n10", "n11", "n12", "n23", "n35"]);
    ring.holder = 26;
    // n30 has the ball by the word of voters; nobody whom the page listens to is near n30.
    await page.waitForSelector(`${card("n30")}[data-lit=true] .ball`, { timeout: 30000 });
    assert.ok(await page.getAttribute(card("n30"), "data-heard") === "false");
    await until(20000, "all nodes up", async () => (await wellKnown(page, "up")) === 40);
    // A near one and a voter die: the next ones take their places, and give them back.
    ring.kill(9);
    ring.kill(22);
    await page.waitForSelector(`${card("n10")}[data-state=down]`);
    await listensTo(ring, ["n7", "n8", "n9", "n11", "n12", "n18", "n35"]);
    await page.waitForSelector(`${card("n23")}[data-state=down]`, { timeout: 30000 });
    assert.match(await page.textContent("#summary"), /38 of 40 nodes up: n10, n23 down/);
    await ring.revive(9);
    await ring.revive(22);
    await listensTo(ring, ["n7", "n8", "n9", "n10", "n11", "n12", "n23", "n35"]);
    await until(20000, "all nodes up again", async () => (await wellKnown(page, "up")) === 40);
    assert.ok(ring.most <= 9, `${ring.most} streams at a time`);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
    return `${ring.most} streams at most, ${[...ring.asked.values()].reduce((a, b) => a + b, 0)} questions`;
  } finally {
    ring.stop();
  }
}

/** What is not known is unknown, in words and by a sign; every card can be seen, and reached by the keyboard. */
export async function manyNodes(browser) {
  const ring = await FabricatedRing.start({ nodes: 250 });
  try {
    for (const [name, width, height, least] of [["phone", 390, 844, 24], ["laptop", 1280, 800, 36], ["projector", 1920, 1080, 48]]) {
      const page = await openPage(browser, ring.url(10), { viewport: { width, height } });
      await page.waitForSelector(".node[data-lit=true] .ball");
      if (name === "projector") await page.click("#big");
      const unknown = await wellKnown(page, "unknown");
      assert.ok(unknown > 100, `${unknown} unknown`);
      assert.match(await page.textContent("#summary"), /^\d+ of 250 nodes up: \d+ nodes unknown$/);
      assert.equal(await page.getAttribute("#summary", "data-well"), "");
      const far = page.locator(card("n70"));
      assert.equal(await far.evaluate((card) => getComputedStyle(card, "::after").content), '"?"');
      assert.match(await far.locator("a").getAttribute("aria-label"), /^n70, unknown, LED not known/);
      assert.equal(await cardsOverlap(page), 0, `${name}: cards overlap`);
      const box = await page.locator(card("n250")).boundingBox();
      assert.ok(box.width >= least && box.y + box.height <= height, `${name}: ${JSON.stringify(box)}`);
      // By keyboard: one stop of the tab key, then arrows. The name is shown then.
      await page.locator(`${card("n1")} a`).focus();
      for (const key of ["ArrowRight", "ArrowRight", "End"]) await page.keyboard.press(key);
      assert.equal(await page.evaluate(() => document.activeElement.parentElement.dataset.node), "n250");
      assert.ok(await page.locator(`${card("n250")} .name`).isVisible(), `${name}: no name`);
      assert.equal(await page.locator(".node a:not([tabindex='-1'])").count(), 1);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      await picture(page, `large-${name}`);
      assert.deepEqual(page.complaints, []);
      await page.context().close();
    }
    assert.ok(ring.most <= 9, `${ring.most} streams at a time`);
    return `${ring.most} streams at most`;
  } finally {
    ring.stop();
  }
}
