// What differs between two images: platforms, layers, configuration.
import type { Manifest, TagImage } from "../../api";
import { fieldsOf, keyOf, layerRows, pairsOf, parse, textOf, textsOf } from "../image/parts";

export type Change = "same" | "changed" | "added" | "removed";

/** A platform of the one, the other, or both. */
export interface Pair {
  key: string;
  platform: string | null;
  a: TagImage | undefined;
  b: TagImage | undefined;
  change: Change;
}

function changeOf(a: TagImage | undefined, b: TagImage | undefined): Change {
  if (!a) return "added";
  if (!b) return "removed";
  return a.digest === b.digest ? "same" : "changed";
}

/** The platforms of two versions side by side: those of the first in its order, then what is only in the second. */
export function pairImages(a: TagImage[], b: TagImage[]): Pair[] {
  const ofA = new Map(a.map((image) => [keyOf(image, a), image]));
  const ofB = new Map(b.map((image) => [keyOf(image, b), image]));
  return [...new Set([...ofA.keys(), ...ofB.keys()])].map((key) => {
    const [one, other] = [ofA.get(key), ofB.get(key)];
    return { key, platform: (one ?? other)?.platform ?? null, a: one, b: other, change: changeOf(one, other) };
  });
}

/** The one that the address means; without one the first that runs somewhere and is in both. */
export function chosenPair(pairs: Pair[], key: string): Pair | undefined {
  const runs = pairs.filter(({ platform }) => platform && !platform.startsWith("unknown/"));
  return pairs.find((pair) => pair.key === key) ?? runs.find(({ a, b }) => a && b) ?? runs[0] ?? pairs[0];
}

export interface LayerChange {
  key: string;
  change: Change;
  instruction: string | null;
  layer: Manifest["layers"][number];
}

type Layered = Pick<Manifest, "layers" | "history">;
/** A longer middle part is not searched for what is common: it would take too long. */
const MOST_CELLS = 1_000_000;

const made = (image: Layered, change: Change): LayerChange[] =>
  layerRows(image).flatMap(({ key, instruction, layer }) => (layer ? [{ key: `${change} ${key}`, change, instruction, layer }] : []));

/** For every place of both how many layers are common from there on. */
function commonFrom(a: LayerChange[], b: LayerChange[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number) => table[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const same = a[i]?.layer.digest === b[j]?.layer.digest;
      (table[i] as number[])[j] = same ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  return table;
}

/** The middle part of both, what is common as the longest sequence of it. */
function merged(a: LayerChange[], b: LayerChange[]): LayerChange[] {
  if (a.length * b.length > MOST_CELLS) return [...a, ...b];
  const table = commonFrom(a, b);
  const rows: LayerChange[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const [one, other] = [a[i] as LayerChange, b[j] as LayerChange];
    if (one.layer.digest === other.layer.digest) {
      rows.push({ ...other, change: "same" });
      i += 1;
      j += 1;
    } else if ((table[i + 1]?.[j] ?? 0) >= (table[i]?.[j + 1] ?? 0)) {
      rows.push(one);
      i += 1;
    } else {
      rows.push(other);
      j += 1;
    }
  }
  return [...rows, ...a.slice(i), ...b.slice(j)];
}

/** The layers of both in order, each with what made it. */
export function layerChanges(a: Layered, b: Layered): LayerChange[] {
  const [before, after] = [made(a, "removed"), made(b, "added")];
  const same = (one: LayerChange | undefined, other: LayerChange | undefined) => one && one.layer.digest === other?.layer.digest;
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && same(before[start], after[start])) start += 1;
  let end = 0;
  while (end < most - start && same(before.at(-1 - end), after.at(-1 - end))) end += 1;
  const common = (rows: LayerChange[]) => rows.map((row): LayerChange => ({ ...row, change: "same" }));
  return [
    ...common(after.slice(0, start)),
    ...merged(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...common(after.slice(after.length - end)),
  ];
}

/** How many layers have a change, and their bytes. */
export function sumOf(rows: LayerChange[], change: Change): { n: number; bytes: number } {
  const found = rows.filter((row) => row.change === change);
  return { n: found.length, bytes: found.reduce((sum, row) => sum + row.layer.size, 0) };
}

export type Field =
  | "base" | "entrypoint" | "cmd" | "workdir" | "user" | "shell" | "stopSignal" | "healthcheck"
  | "port" | "volume" | "env" | "label";

interface Setting {
  field: Field;
  /** Of several: which. */
  name: string;
  value: string | null;
}

export interface Difference {
  key: string;
  field: Field;
  name: string;
  a: string | null;
  b: string | null;
  change: Change;
}

const BASE = ["org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"];

function baseOf(image: Manifest, labels: Record<string, unknown>): string | null {
  const annotations = fieldsOf(parse(image.content).annotations);
  return BASE.flatMap((name) => textOf(annotations[name]) ?? textOf(labels[name]) ?? []).join("@") || null;
}

const json = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value));
const list = (value: unknown) => (textsOf(value).length > 0 ? JSON.stringify(textsOf(value)) : null);

function settingsOf(image: Manifest): Setting[] {
  const config = fieldsOf(parse(image.config?.content).config);
  const labels = fieldsOf(config.Labels);
  const one = (field: Field, value: string | null): Setting => ({ field, name: "", value });
  const names = (field: Field, value: unknown) => Object.keys(fieldsOf(value)).map((name): Setting => ({ field, name, value: name }));
  const env = (text: string): Setting => {
    const at = text.includes("=") ? text.indexOf("=") : text.length;
    return { field: "env", name: text.slice(0, at), value: text.slice(at + 1) };
  };
  return [
    one("base", baseOf(image, labels)),
    one("entrypoint", list(config.Entrypoint)),
    one("cmd", list(config.Cmd)),
    one("workdir", textOf(config.WorkingDir)),
    one("user", textOf(config.User)),
    one("shell", list(config.Shell)),
    one("stopSignal", textOf(config.StopSignal)),
    one("healthcheck", json(config.Healthcheck)),
    ...names("port", config.ExposedPorts),
    ...names("volume", config.Volumes),
    ...textsOf(config.Env).map(env),
    ...pairsOf(labels).flatMap(([name, value]): Setting[] => (BASE.includes(name) ? [] : [{ field: "label", name, value }])),
  ];
}

function changeOfValue(a: string | null, b: string | null): Change {
  if (a === b) return "same";
  if (a === null) return "added";
  return b === null ? "removed" : "changed";
}

/** What the configurations say differently, in the order of the fields. */
export function differences(a: Manifest, b: Manifest): Difference[] {
  const found = new Map<string, Difference>();
  const see = (side: "a" | "b") => (setting: Setting) => {
    const { field, name, value } = setting;
    const key = `${field} ${name}`;
    found.set(key, { ...(found.get(key) ?? { key, field, name, a: null, b: null, change: "same" }), [side]: value });
  };
  settingsOf(a).forEach(see("a"));
  settingsOf(b).forEach(see("b"));
  const order: Field[] = ["base", "entrypoint", "cmd", "workdir", "user", "shell", "stopSignal", "healthcheck", "port", "volume", "env", "label"];
  return [...found.values()]
    .map((row) => ({ ...row, change: changeOfValue(row.a, row.b) }))
    .filter((row) => row.change !== "same")
    .sort((x, y) => order.indexOf(x.field) - order.indexOf(y.field) || (x.name < y.name ? -1 : 1));
}
