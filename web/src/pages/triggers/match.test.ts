import { expect, test } from "vitest";
import type { Delivery, Preview, Rule } from "../../api";
import { matchesOf, refsOf } from "./match";

const change = (ref: string, deleted = false) => ({ ref, commit: null, deleted, forced: false });
const delivery = (...changes: Delivery["changes"]) => ({ changes }) as Delivery;

test("the refs that are asked about: shown, not deleted, each once", () => {
  const many = Array.from({ length: 9 }, (_, i) => change(`refs/heads/m${i}`));
  expect(refsOf([delivery(change("refs/heads/b"), change("refs/heads/gone", true)), delivery(change("refs/heads/b"), change("refs/tags/a"))], 5)).toEqual([
    "refs/heads/b",
    "refs/tags/a",
  ]);
  expect(refsOf([delivery(...many)], 5)).toHaveLength(5);
  expect(refsOf([], 5)).toEqual([]);
});

test("the rules that match, without those that are gone by now", () => {
  const preview = (ref: string, ruleId: string | null, matches: boolean) => ({ ref, ruleId, matches }) as Preview;
  const rules = [{ id: "r1" }, { id: "r2" }] as Rule[];
  const previews = [preview("a", "r1", true), preview("a", "r2", false), preview("b", "r2", true), preview("a", "r3", true), preview("a", null, true)];
  const found = (ref: string) => matchesOf(ref, previews, rules).map(({ rule }) => rule.id);
  expect(found("a")).toEqual(["r1"]);
  expect(found("b")).toEqual(["r2"]);
  expect(found("c")).toEqual([]);
});
