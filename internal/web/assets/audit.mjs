// Opens every gallery page in Chromium, narrow and wide, light and dark, and at the largest text size, and fails on
// anything axe-core finds, on a message of the Content-Security-Policy or a script, and on a page wider than its window.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";
import { pages, serve } from "./gallery.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const views = [
  { width: 360, height: 740, theme: "light", query: "" },
  { width: 1366, height: 768, theme: "light", query: "" },
  { width: 1366, height: 768, theme: "dark", query: "" },
  { width: 360, height: 740, theme: "dark", query: "?size=xl&contrast=more" },
  { width: 768, height: 1024, theme: "light", query: "?accent=green&noscript" },
  { width: 1366, height: 768, theme: "dark", query: "?accent=blue" },
  { width: 1366, height: 768, theme: "light", query: "?accent=brown&density=compact" },
];
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const gallery = await serve();
let found = 0;
const only = process.env.PAGES?.split(",") ?? pages();
for (const name of only) {
  for (const { width, height, theme, query } of views) {
    const page = await browser.newPage();
    const say = (what) => {
      found++;
      console.log(`${name} ${width} ${theme} ${query}: ${what}`);
    };
    page.on("console", (message) => ["error", "warn"].includes(message.type()) && say(message.text()));
    page.on("pageerror", (error) => say(error.message));
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
    await page.goto(`${gallery.url}/${name}${query}`, { waitUntil: "load" });
    await page.evaluate(() => document.fonts.ready.then(() => true));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) say(`${wide} px wider than the window`);
    await page.evaluate(axe); // over the debugger: the page's own policy stays strict
    const { violations } = await page.evaluate(() =>
      window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] }),
    );
    for (const v of violations) say(`${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.failureSummary.split("\n").slice(1, 2).join("").trim()}`).join(" | ")}`);
    await page.close();
  }
}
await browser.close();
await gallery.stop();
console.log(found ? `${found} findings` : `${only.length} pages × ${views.length} views: nothing found`);
process.exitCode = found ? 1 : 0;
