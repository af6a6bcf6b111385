import { expect, test } from "vitest";
import type { Retention } from "../../../api";
import { draftOf, isEmpty, isStored, isWhole, moved, requestOf, windowOf } from "./model";

const STORED: Retention = {
  enabled: true,
  rules: [{ pattern: "v*", match: "wildcard", keepNewest: 10, keepDays: 0 }],
  never: [{ pattern: "latest", match: "name" }],
  untaggedDays: null,
  nextRunAt: null,
  running: null,
  lastRun: null,
  updatedAt: null,
};

test("a policy becomes a draft and a request again", () => {
  const draft = draftOf(STORED);
  expect(requestOf(draft, true)).toEqual({ enabled: true, rules: STORED.rules, never: STORED.never, untaggedDays: null });
  expect(isStored(draft, STORED)).toBe(true);
  expect(isStored({ ...draft, untaggedDays: 7 }, STORED)).toBe(false);
  expect(isStored({ ...draft, rules: [] }, STORED)).toBe(false);
});

test("what is half written is not asked for", () => {
  const draft = draftOf(STORED);
  const [rule] = draft.rules;
  if (!rule) throw new Error("no rule");
  expect(isWhole(draft)).toBe(true);
  expect(isWhole({ ...draft, rules: [{ ...rule, pattern: "" }] })).toBe(false);
  expect(isWhole({ ...draft, rules: [{ ...rule, keepNewest: 0 }] })).toBe(false);
  expect(isWhole({ ...draft, rules: [{ ...rule, keepNewest: 0, keepDays: 1 }] })).toBe(true);
  expect(isWhole({ ...draft, never: [{ id: 1, pattern: "", match: "name" }] })).toBe(false);
  expect(isEmpty({ rules: [], never: [], untaggedDays: null })).toBe(true);
  expect(isEmpty({ rules: [], never: [], untaggedDays: 1 })).toBe(false);
});

test("a rule is moved by one place", () => {
  expect(moved(["a", "b", "c"], 1, -1)).toEqual(["b", "a", "c"]);
  expect(moved(["a", "b", "c"], 1, 1)).toEqual(["a", "c", "b"]);
  expect(moved(["a", "b"], 0, -1)).toEqual(["a", "b"]);
});

test("the rows in sight", () => {
  expect(windowOf(0, 400, 40, 10000, 2)).toEqual([0, 12]);
  expect(windowOf(4000, 400, 40, 10000, 2)).toEqual([98, 112]);
  expect(windowOf(400000, 400, 40, 10000, 2)).toEqual([9998, 10000]);
  expect(windowOf(0, 400, 40, 0)).toEqual([0, 0]);
});
