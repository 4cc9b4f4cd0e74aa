// Photographs every gallery page at the sizes people use, light and dark, into pictures/ (not committed).
// PAGES=desk-work,decide and SIZES=360,1366 narrow it down.
import { mkdirSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { pages, serve } from "./gallery.mjs";

const sizes = { 360: [360, 740], 768: [768, 1024], 1366: [1366, 768], 1920: [1920, 1080] };
const only = (name, all) => (process.env[name] ? process.env[name].split(",") : all);
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--force-color-profile=srgb"] });
const gallery = await serve();
mkdirSync("pictures", { recursive: true });
for (const name of only("PAGES", pages())) {
  for (const size of only("SIZES", Object.keys(sizes))) {
    for (const theme of only("THEMES", ["light", "dark"])) {
      const page = await browser.newPage();
      const [width, height] = sizes[size];
      await page.setViewport({ width, height, isMobile: width < 700, hasTouch: width < 700 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
      await page.goto(`${gallery.url}/${name}${process.env.QUERY ?? ""}`, { waitUntil: "load" });
      await page.evaluate(async () => {
        for (const image of document.images) image.loading = "eager";
        await Promise.all([document.fonts.ready, ...[...document.images].filter((i) => i.src).map((i) => i.decode().catch(() => undefined))]);
      });
      await page.screenshot({ path: `pictures/${name}-${size}-${theme}.png`, fullPage: process.env.FULL !== "0" });
      await page.close();
    }
  }
}
await browser.close();
await gallery.stop();
