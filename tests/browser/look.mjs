// Pictures of the page at phone, laptop and projector size, light and dark, for people to look at:
// as it opens, all of it (-whole), and the ring alone (-ring).
import { openBrowser, openPage, picture, sleep } from "./harness.mjs";
import { readFileSync } from "node:fs";

const url = process.argv[2];
const only = process.argv[3];
const files = process.env.CAROM_PAGE_FILES;
const sizes = { phone: [390, 844], laptop: [1280, 800], projector: [1920, 1080] };
const browser = await openBrowser();
for (const [name, [width, height]] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    const label = `${name}-${colorScheme}`;
    if (only && !label.includes(only)) continue;
    const page = await openPage(browser, "about:blank", { viewport: { width, height }, colorScheme });
    if (files) {
      const kinds = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", html: "text/html" };
      const serve = (route, file) => route.fulfill({ contentType: kinds[file.split(".").pop()], body: readFileSync(`${files}/${file}`) });
      await page.route("**/page/*", (route) => serve(route, route.request().url().split("/page/")[1]));
    }
    await page.goto(url);
    await page.waitForSelector(".node[data-lit=true]");
    await sleep(2500);
    await picture(page, label);
    await picture(page, `${label}-whole`, { fullPage: true });
    if (name !== "phone") {
      await page.click("#big");
      await sleep(1000);
      await picture(page, `${label}-ring`);
    }
    if (page.complaints.length) console.log(label, page.complaints);
    await page.context().close();
  }
}
await browser.close();
