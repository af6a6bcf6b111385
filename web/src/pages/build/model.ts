// What a build record and its steps say, worked out: sentences, sums, groups of steps, the critical path.
import type { Base as Known, Build, BuildHistoryItem, BuildJob, BuildStep } from "../../api";

export const isOver = (b: Build) =>
  b.status !== "PENDING" && b.status !== "BUILDING" && b.jobs.every((j) => !["queued", "running", "pushing"].includes(j.state));

export const shortPlatform = (platform: string) => platform.replace(/^linux\//, "");
export const shortRef = (ref: string) => ref.replace(/^refs\/(heads|tags)\//, "");

/** From the top of the repository. */
export const fileOf = (b: Build) => [b.dockerfileDirectory.replace(/^\/|\/$/g, ""), b.dockerfileName].filter(Boolean).join("/");

export type Sentence =
  | { key: "waitsFor" | "queued" | "superseded" | "canceled" | "published" | "failedWhole" }
  | { key: "queuedAt"; n: number }
  | { key: "building"; done: number; total: number }
  | { key: "canceledBy"; who: string }
  | { key: "partly"; without: string }
  | { key: "failed"; platforms: string };

/** What to say about the state in a sentence. */
export function sentenceOf(b: Build): Sentence {
  const named = (wanted: BuildJob["state"][]) =>
    b.jobs.filter((j) => wanted.includes(j.state)).map((j) => j.platform).join(", ");
  if (b.status === "PENDING") {
    if (b.queuePosition) return { key: "queuedAt", n: b.queuePosition };
    return { key: b.waitsFor ? "waitsFor" : "queued" };
  }
  if (b.status === "BUILDING") {
    return { key: "building", done: b.jobs.filter((j) => j.state === "done").length, total: b.jobs.length };
  }
  if (b.status === "CANCELED") {
    if (b.supersededBy) return { key: "superseded" };
    return b.canceledBy ? { key: "canceledBy", who: b.canceledBy } : { key: "canceled" };
  }
  const lacking = named(["failed", "canceled"]);
  if (b.status === "SUCCESS") return lacking ? { key: "partly", without: lacking } : { key: "published" };
  const failed = named(["failed"]);
  return failed ? { key: "failed", platforms: failed } : { key: "failedWhole" };
}

/** The one before it, of those of the same rule that succeeded, newest first: of the same ref if there is one. */
export function previousOf(b: Build, succeeded: Build[]): Build | undefined {
  const at = succeeded.findIndex((other) => other.id === b.id);
  const age = (other: Build) => Date.parse(other.createdAt);
  const older = (at < 0 ? succeeded.filter((other) => age(other) < age(b)) : succeeded.slice(at + 1)).filter((other) => other.digest);
  return older.find((other) => other.ref === b.ref) ?? older[0];
}

export interface StepGroup {
  key: string;
  text: string;
  stage: string;
  line: number;
  /** The same instruction for one platform or several each. */
  steps: BuildStep[];
}

/** Steps of the same instruction together, in the order of the Dockerfile's stages. */
export function groupSteps(steps: BuildStep[], platform: string | null): StepGroup[] {
  const groups = new Map<string, StepGroup>();
  for (const step of steps) {
    if (platform && !step.platforms.includes(platform)) continue;
    const key = `${step.stage} ${step.line} ${step.text}`;
    const group = groups.get(key) ?? { key, text: step.text, stage: step.stage, line: step.line, steps: [] };
    group.steps.push(step);
    groups.set(key, group);
  }
  return [...groups.values()];
}

const WORST: BuildStep["state"][] = ["failed", "running", "canceled", "waiting", "done", "cached"];

/** The state that matters most. */
export function stateOf(steps: BuildStep[]): BuildStep["state"] {
  return WORST.find((state) => steps.some((s) => s.state === state)) ?? "waiting";
}

/** The longest of them; null: none has a time. */
export function longest(steps: BuildStep[]): number | null {
  return steps.reduce<number | null>((most, s) => (s.tookMs === null ? most : Math.max(most ?? 0, s.tookMs)), null);
}

export interface Span {
  step: BuildStep;
  start: number;
  end: number;
}

/** Steps that have a time; those that run end now. */
export function spansOf(steps: BuildStep[], now: number): Span[] {
  return steps
    .filter((s) => s.startedAt !== null)
    .map((step) => {
      const start = Date.parse(step.startedAt as string);
      return { step, start, end: step.endedAt ? Date.parse(step.endedAt) : Math.max(start, now) };
    });
}

const SLACK_MS = 60;

/**
 * The steps that decided how long the build took: from the one that ended last back to what it waited for. A step begins when
 * the last of those it needs has ended, so that this is the one, of a platform they share, which ended last before it began.
 */
export function criticalPath(spans: Span[]): Set<number> {
  const path = new Set<number>();
  const shares = (a: BuildStep, b: BuildStep) => a.platforms.some((p) => b.platforms.includes(p));
  const later = (a: Span | undefined, b: Span) => (!a || b.end > a.end ? b : a);
  let at = spans.filter((s) => s.end > s.start).reduce<Span | undefined>(later, undefined);
  while (at && !path.has(at.step.step)) {
    const here: Span = at;
    path.add(here.step.step);
    at = spans
      .filter((s) => s.end > s.start && s.end <= here.start + SLACK_MS && s.start < here.start && shares(s.step, here.step))
      .reduce<Span | undefined>(later, undefined);
  }
  return path;
}

export interface Totals {
  realMs: number;
  sumMs: number;
  cached: number;
  steps: number;
}

export function totalsOf(spans: Span[], steps: BuildStep[]): Totals {
  const begin = Math.min(...spans.map((s) => s.start));
  const end = Math.max(...spans.map((s) => s.end));
  return {
    realMs: spans.length ? end - begin : 0,
    sumMs: spans.reduce((sum, s) => sum + s.end - s.start, 0),
    cached: steps.filter((s) => s.state === "cached").length,
    steps: steps.length,
  };
}

export interface Lane {
  platform: string | null; // null: steps that several platforms share
  rows: Span[];
}

export function lanesOf(spans: Span[], platforms: string[]): Lane[] {
  const shared = spans.filter((s) => s.step.platforms.length !== 1);
  const lanes = platforms.map((platform) => ({
    platform,
    rows: spans.filter((s) => s.step.platforms.length === 1 && s.step.platforms[0] === platform),
  }));
  const all: Lane[] = platforms.length > 1 || shared.length ? [{ platform: null, rows: shared }, ...lanes] : lanes;
  return all.filter((lane) => lane.rows.length > 0);
}

/** Round numbers for the axis: at most `most` steps. */
export function ticksOf(ms: number, most: number): number[] {
  const sizes = [10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5];
  const size = sizes.find((s) => ms / s <= most) ?? 144e5;
  return Array.from({ length: Math.floor(ms / size) + 1 }, (_x, i) => i * size);
}

/** The first line of "Dockerfile:4: …" that an error names; 0: none. */
export function errorLine(text: string): number {
  return Number(/^\S*?:(\d+):/.exec(text)?.[1] ?? 0);
}

export interface Base {
  name: string;
  digest: string | null;
  platforms: string[];
}

/** The base images, each once. */
export function basesOf(steps: BuildStep[]): Base[] {
  const bases = new Map<string, Base>();
  for (const { line, text, base, platforms } of steps) {
    if (line) continue;
    const name = text.replace(/^FROM /, "");
    const key = `${name} ${base}`;
    bases.set(key, { name, digest: base, platforms: [...new Set([...(bases.get(key)?.platforms ?? []), ...platforms])] });
  }
  return [...bases.values()];
}

/** Whether the name leads to another image by now, as far as anybody asked. */
export const isOld = (known: Known[], name: string, digest: string | null) =>
  digest !== null && known.some((base) => base.name === name && base.newestDigest !== null && base.newestDigest !== digest);

/** 0 to 1; null of none. */
export const cachedShare = (b: BuildHistoryItem) => (b.steps ? b.cachedSteps / b.steps : null);
