// The words that scripts show come from the page; this lists the keys the scripts ask for.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Every key in a call of t("…") under js/, sorted. */
export function stringKeys() {
  const keys = new Set();
  for (const name of readdirSync("js", { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    for (const [, key] of readFileSync(join("js", name), "utf8").matchAll(/\bt\("([a-z0-9_.]+)"/g)) keys.add(key);
  }
  return [...keys].sort();
}
