// Both languages have the same keys and the same parameters; every key is used in the code, and every key that is used exists.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src/", import.meta.url));
const faults = [];
const keys = new Map();

const parameters = (text) => [...new Set([...text.matchAll(/\{(\w+)[,}]/g)].map((m) => m[1]))].sort().join(",");

for (const file of readdirSync(join(src, "i18n")).filter((name) => name.endsWith(".en.json"))) {
  const name = file.replace(".en.json", "");
  const en = JSON.parse(readFileSync(join(src, "i18n", file), "utf8"));
  const zh = JSON.parse(readFileSync(join(src, "i18n", `${name}.zh.json`), "utf8"));
  for (const key of Object.keys(en)) {
    if (!key.startsWith(`${name}.`)) faults.push(`${file}: ${key} does not start with "${name}."`);
    if (!(key in zh)) faults.push(`${name}.zh.json lacks ${key}`);
    else if (!zh[key].trim()) faults.push(`${name}.zh.json: ${key} is empty`);
    else if (parameters(en[key]) !== parameters(zh[key])) faults.push(`${key}: the languages differ in their parameters`);
    keys.set(key, name);
  }
  for (const key of Object.keys(zh)) if (!(key in en)) faults.push(`${file} lacks ${key}`);
}

function* sources(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* sources(path);
    // The words of the API are no keys.
    else if (/\.tsx?$/.test(name) && name !== "api-types.ts") yield readFileSync(path, "utf8");
  }
}

// "build.title" is a use of that key; `build.state.${s}` of all that start with build.state.
const literals = new Set();
const prefixes = new Set();
for (const text of sources(src)) {
  for (const m of text.matchAll(/["'`]([a-z]\w*(?:\.[\w-]+)+)["'`]/g)) literals.add(m[1]);
  for (const m of text.matchAll(/`([a-z]\w*\.(?:[\w-]+\.)*)\$\{/g)) prefixes.add(m[1]);
}
const names = new Set(keys.values());
for (const key of keys.keys()) {
  if (!literals.has(key) && ![...prefixes].some((p) => key.startsWith(p))) faults.push(`${key} is not used`);
}
for (const used of literals) {
  if (names.has(used.split(".")[0]) && !keys.has(used)) faults.push(`${used} is used and not there`);
}
for (const fault of faults) console.error(fault);
console.log(`${keys.size} texts in two languages, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
