// Fails when the committed files in ../static are not what the sources build, when a script asks for words the gallery
// lacks, or when a gallery page carries what the Content-Security-Policy forbids. Compressed files are compared by what
// they unpack to, since another zlib may pack the same bytes differently.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { buildInto } from "./build.mjs";
import { stringKeys } from "./strings.mjs";

const faults = [];
const fresh = mkdtempSync(join(tmpdir(), "toasoan-assets-"));
try {
  await buildInto(fresh);
  const names = new Set([...readdirSync(fresh), ...readdirSync("../static")]);
  const read = (dir, name) => {
    try {
      const bytes = readFileSync(join(dir, name));
      return name.endsWith(".br") ? brotliDecompressSync(bytes) : name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
    } catch {
      return null;
    }
  };
  for (const name of [...names].sort()) {
    const built = read(fresh, name);
    const committed = read("../static", name);
    if (!committed) faults.push(`static/${name} is missing or cannot be unpacked`);
    else if (!built) faults.push(`static/${name} is not built from the sources`);
    else if (!built.equals(committed)) faults.push(`static/${name} differs from the sources`);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

for (const language of ["vi", "en"]) {
  const words = Object.keys(JSON.parse(readFileSync(`gallery/strings.${language}.json`, "utf8"))).sort();
  const keys = stringKeys();
  for (const key of keys) if (!words.includes(key)) faults.push(`gallery/strings.${language}.json lacks ${key}`);
  for (const key of words) if (!keys.includes(key)) faults.push(`gallery/strings.${language}.json has ${key}, which no script asks for`);
}

for (const name of readdirSync("gallery", { recursive: true }).filter((f) => f.endsWith(".html"))) {
  const html = readFileSync(join("gallery", name), "utf8");
  for (const [found] of html.matchAll(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*(?:src=|application\/json))/g)) faults.push(`gallery/${name} has ${found.trim()}`);
}

for (const fault of faults) console.log(fault);
if (faults.length) console.log("Run `npm run build` in internal/web/assets and commit the result.");
process.exitCode = faults.length ? 1 : 0;
