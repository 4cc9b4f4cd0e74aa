// Builds css/, js/ and icons/ into ../static: names carry a hash of the content, each text file also lies there as
// brotli and gzip, manifest.json maps plain names to hashed ones. Same sources and same lock file give the same bytes.
import { build } from "esbuild";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { stringKeys } from "./strings.mjs";

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(here);

const entries = ["css/portal.css", "css/desk.css", "css/decide.css", "css/embed.css", "css/print.css", "js/early.ts", "js/portal.ts", "js/desk.ts", "js/editor.ts"];
const oldest = ["chrome99", "edge99", "firefox97", "safari15.4"]; // the first with cascade layers

export async function buildInto(dir) {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const manifest = {};

  const put = (name, bytes) => {
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 10);
    const dot = name.lastIndexOf(".");
    const hashed = `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
    writeFileSync(join(dir, hashed), bytes);
    manifest[name] = hashed;
  };
  put("icons.svg", Buffer.from(sprite()));
  for (const name of ["emblem.svg", "favicon.svg"]) put(name, readFileSync(join("icons", name)));

  const result = await build({
    entryPoints: entries,
    outdir: dir,
    bundle: true,
    minify: true,
    format: "esm",
    target: oldest,
    charset: "utf8",
    legalComments: "none",
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    publicPath: "/static/",
    loader: { ".woff2": "file" },
    define: { ICONS: JSON.stringify(`/static/${manifest["icons.svg"]}`) },
    metafile: true,
    logLevel: "warning",
  });
  for (const [path, out] of Object.entries(result.metafile.outputs)) {
    const source = out.entryPoint ?? Object.keys(out.inputs)[0];
    manifest[basename(source).replace(/\.ts$/, ".js")] = basename(path);
  }

  put("licenses.txt", Buffer.from(licenses(result.metafile)));
  for (const name of readdirSync(dir).sort()) {
    if (!/\.(css|js|svg|txt)$/.test(name)) continue;
    const bytes = readFileSync(join(dir, name));
    if (bytes.length < 400) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(join(dir, `${name}.br`), brotliCompressSync(bytes, { params }));
    writeFileSync(join(dir, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  }
  const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(dir, "manifest.json"), `${JSON.stringify({ files: sorted, strings: stringKeys() }, null, 1)}\n`);
}

/** One SVG file of symbols; the page refers to each as <use href="…#name">. */
function sprite() {
  const symbols = Object.entries(JSON.parse(readFileSync("icons/sprite.json", "utf8"))).map(([id, name]) => {
    const svg = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
    const inner = svg.replace(/<!--.*?-->/gs, "").replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "");
    return `<symbol id="${id}" viewBox="0 0 24 24">${inner.replace(/\s*\n\s*/g, "").trim()}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

/** The licences of every package whose bytes are in the output. */
function licenses(metafile) {
  const packages = new Set(["lucide-static"]);
  for (const input of Object.keys(metafile.inputs)) {
    const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
    if (found) packages.add(found[1]);
  }
  const parts = [...packages].sort().map((name) => {
    const dir = join("node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
    const file = readdirSync(dir).find((f) => /^licen[cs]e/i.test(f));
    const text = file ? readFileSync(join(dir, file), "utf8").trim() : `License: ${license}`;
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return parts.join(`\n${"-".repeat(72)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dir = resolve(here, "../static");
  await buildInto(dir);
  for (const name of readdirSync(dir).filter((f) => existsSync(join(dir, `${f}.br`)))) {
    const size = (suffix) => `${(readFileSync(join(dir, name + suffix)).length / 1024).toFixed(1)} KB`.padStart(9);
    console.log(`${name.padEnd(28)} ${size("")}  br ${size(".br")}  gz ${size(".gz")}`);
  }
}
