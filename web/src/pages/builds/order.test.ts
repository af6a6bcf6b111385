import { expect, test } from "vitest";
import type { Build, Worker } from "../../api";
import { inTurn, lackingOf, waitingOf } from "./order";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const build = (id: string, minutes: number, queuePosition: number | null, more: Partial<Build> = {}) =>
  ({
    id,
    createdAt: new Date(NOW - minutes * 60_000).toISOString(),
    queuePosition,
    waitsFor: null,
    status: "PENDING",
    pool: "",
    emulation: true,
    jobs: [{ platform: "linux/amd64", state: "queued" }],
    ...more,
  }) as Build;
const worker = (more: Partial<Worker> = {}) =>
  ({
    online: true,
    draining: false,
    pool: "",
    platforms: [
      { platform: "linux/amd64", native: true },
      { platform: "linux/arm64", native: false },
    ],
    ...more,
  }) as Worker;
const ids = (builds: Build[]) => builds.map(({ id }) => id).join("");

test("by the server's figure; of pools that have the same, the older first", () => {
  expect(ids(inTurn([build("b", 9, 2), build("a", 1, 1)]))).toBe("ab");
  expect(ids(inTurn([build("c", 1, 2), build("b", 2, 1, { pool: "overseas" }), build("a", 3, 1)]))).toBe("abc");
});

test("who waits for another build is last, and who waits for nothing is not there", () => {
  const ended = build("c", 3, null, { status: "BUILDING", jobs: [{ platform: "linux/amd64", state: "running" }] as Build["jobs"] });
  expect(ids(inTurn([build("a", 9, null, { waitsFor: "c" }), build("b", 1, 1), ended]))).toBe("ba");
  expect(waitingOf(ended)).toEqual([]);
});

test("an architecture lacks a worker when none that is there may run it", () => {
  const arm = build("a", 1, 1, { jobs: [{ platform: "linux/arm64", state: "queued" }] as Build["jobs"] });
  expect(lackingOf(arm, [worker()])).toEqual([]);
  expect(lackingOf({ ...arm, emulation: false }, [worker()])).toEqual(["linux/arm64"]);
  expect(lackingOf({ ...arm, pool: "overseas" }, [worker()])).toEqual(["linux/arm64"]);
  expect(lackingOf(arm, [worker({ online: false }), worker({ draining: true })])).toEqual(["linux/arm64"]);
});
