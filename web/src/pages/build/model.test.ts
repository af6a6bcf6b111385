import { describe, expect, it } from "vitest";
import type { Build, BuildHistoryItem, BuildStep } from "../../api";
import { basesOf, cachedShare, criticalPath, errorLine, groupSteps, lanesOf, previousOf, sentenceOf, spansOf, stateOf, ticksOf, totalsOf } from "./model";

const at = (ms: number) => new Date(ms).toISOString();
const step = (n: number, platforms: string[], from: number, to: number, more: Partial<BuildStep> = {}): BuildStep => ({
  step: n,
  line: n,
  stage: "s",
  text: `RUN ${n}`,
  platforms,
  state: to > from ? "done" : "cached",
  cacheReason: null,
  digest: null,
  size: null,
  base: null,
  startedAt: at(from),
  endedAt: at(to),
  tookMs: to - from,
  ...more,
});
const A = "linux/amd64";
const B = "linux/arm64";

describe("the critical path", () => {
  it("goes back over what was waited for", () => {
    // 1 (shared) and 3 (B) run at once; 4 needs both, and 3 ended last
    const steps = [step(1, [A, B], 0, 1000), step(2, [A], 1000, 1500), step(3, [B], 0, 1400), step(4, [B], 1402, 3000)];
    expect([...criticalPath(spansOf(steps, 0))].sort()).toEqual([3, 4]);
  });
  it("takes no step of another platform, and none that was cached", () => {
    const steps = [step(1, [A, B], 0, 1000), step(2, [A], 0, 1900), step(5, [B], 1000, 1000), step(4, [B], 1900, 3000)];
    expect([...criticalPath(spansOf(steps, 0))].sort()).toEqual([1, 4]);
  });
  it("is empty without steps", () => expect(criticalPath([]).size).toBe(0));
});

it("the build before is of the same ref if one is, and has an image", () => {
  const one = (id: string, ref: string, digest: string | null = "sha256:1") => ({ id, ref, digest, createdAt: at(Number(id)) }) as Build;
  const all = [one("5", "a"), one("4", "b"), one("3", "a", null), one("2", "a"), one("1", "b")];
  const before = (build: Build, of = all) => previousOf(build, of)?.id;
  expect(before(one("5", "a"))).toBe("2");
  expect(before(one("5", "c"))).toBe("4");
  expect(before(one("1", "b"))).toBeUndefined();
  expect(before(one("6", "b"), all)).toBe("4"); // it is not among them itself
});

it("sums", () => {
  const steps = [step(1, [A, B], 0, 1000), step(2, [A], 500, 1500), step(3, [B], 500, 500)];
  expect(totalsOf(spansOf(steps, 0), steps)).toEqual({ realMs: 1500, sumMs: 2000, cached: 1, steps: 3 });
  expect(totalsOf([], [])).toEqual({ realMs: 0, sumMs: 0, cached: 0, steps: 0 });
});

it("a step that runs ends now", () => {
  expect(spansOf([step(1, [A], 5, 5, { endedAt: null, state: "running" })], 9)[0]).toMatchObject({ start: 5, end: 9 });
  expect(spansOf([step(1, [A], 5, 5, { startedAt: null })], 9)).toEqual([]);
});

it("lanes, shared steps first", () => {
  const spans = spansOf([step(1, [A], 0, 1), step(2, [A, B], 0, 1), step(3, [B], 0, 1)], 0);
  expect(lanesOf(spans, [A, B]).map((l) => [l.platform, l.rows.map((r) => r.step.step)])).toEqual([[null, [2]], [A, [1]], [B, [3]]]);
  expect(lanesOf(spansOf([step(1, [A], 0, 1)], 0), [A])).toHaveLength(1);
});

it("steps of one instruction are a group", () => {
  const steps = [step(1, [A], 0, 1, { text: "x", line: 3 }), step(2, [B], 0, 1, { text: "x", line: 3, state: "failed" }), step(3, [B], 0, 1)];
  expect(groupSteps(steps, null).map((g) => g.steps.length)).toEqual([2, 1]);
  expect(groupSteps(steps, A).map((g) => g.steps.length)).toEqual([1]);
  expect(stateOf(steps)).toBe("failed");
});

it("the axis has round numbers", () => {
  expect(ticksOf(2200, 6)).toEqual([0, 500, 1000, 1500, 2000]);
  expect(ticksOf(0, 6)).toEqual([0]);
  expect(ticksOf(1e9, 8).length).toBeLessThan(100);
});

it("the line of an error", () => {
  expect([errorLine("Dockerfile:4: linux/arm64: RUN x"), errorLine("no line"), errorLine("a/Dockerfile:12:3: x")]).toEqual([4, 0, 12]);
});

it.each([
  ["PENDING", {}, [], "queued"],
  ["PENDING", { waitsFor: "x" }, [], "waitsFor"],
  ["PENDING", { waitsFor: "x", queuePosition: 2 }, [], "queuedAt"],
  ["BUILDING", {}, ["done", "running"], "building"],
  ["SUCCESS", {}, ["done"], "published"],
  ["SUCCESS", {}, ["done", "failed"], "partly"],
  ["FAILED", {}, ["done", "failed"], "failed"],
  ["FAILED", {}, ["done"], "failedWhole"],
  ["CANCELED", { supersededBy: "x" }, [], "superseded"],
  ["CANCELED", { canceledBy: "ann" }, [], "canceledBy"],
  ["CANCELED", {}, [], "canceled"],
])("%s %j %j", (status, more, states, key) => {
  const jobs = states.map((state) => ({ platform: A, state }));
  expect(sentenceOf({ status, waitsFor: null, supersededBy: null, canceledBy: null, jobs, ...more } as unknown as Build).key).toBe(key);
});

describe("inputs and history", () => {
  it("has each base image once, with all architectures that took it", () => {
    const base = (n: number, text: string, digest: string, platform: string) => step(n, [platform], 0, 0, { line: 0, text, base: digest });
    const steps = [base(1, "FROM alpine", "sha256:1", A), base(2, "FROM alpine", "sha256:1", B), base(3, "FROM alpine", "sha256:2", B), step(4, [A], 0, 5)];
    expect(basesOf(steps)).toEqual([
      { name: "alpine", digest: "sha256:1", platforms: [A, B] },
      { name: "alpine", digest: "sha256:2", platforms: [B] },
    ]);
  });
  it("has no share of no steps", () => {
    const of = (steps: number, cachedSteps: number) => cachedShare({ steps, cachedSteps } as BuildHistoryItem);
    expect([of(0, 0), of(4, 1), of(3, 3)]).toEqual([null, 0.25, 1]);
  });
});
