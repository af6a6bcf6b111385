// What a browser has to load, in KiB of gzip: the initial script at most 400, what a page adds at most 60.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const INITIAL = 400;
const PAGE = 60;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const weight = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length / 1024;

function chunks(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) chunks(next, seen);
  return seen;
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const initial = chunks(entry);
const sum = (set) => [...set].reduce((n, key) => n + weight(manifest[key].file), 0);
const rows = [["initial", sum(initial), INITIAL]];
for (const key of Object.keys(manifest).filter((k) => manifest[k].isDynamicEntry)) {
  const own = [...chunks(key)].filter((k) => !initial.has(k));
  rows.push([key.replace("src/pages/", "").replace("/index.tsx", ""), sum(own), PAGE]);
}
let over = 0;
for (const [name, kib, limit] of rows) {
  if (kib > limit) over += 1;
  console.log(`${name.padEnd(28)} ${kib.toFixed(1).padStart(7)} KiB of ${limit}${kib > limit ? "  TOO LARGE" : ""}`);
}
// The manifest is for this script; what is left in dist/ is what is served.
rmSync(new URL(".vite/", dist), { recursive: true });
process.exit(over ? 1 : 0);
