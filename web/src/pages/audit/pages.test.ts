import { expect, test } from "vitest";
import type { AuditEntry, AuditPage } from "../../api";
import { linesOf, pagesOf } from "./pages";

const entry = (seq: number): AuditEntry => ({ seq, time: "2027-01-01T00:00:00Z", actor: "mina", remote: "", action: "tag.push", target: "a\nb", detail: {} });

/** A log of `n` entries, as the API gives it. */
const logOf = (n: number) => (cursor: string | null, limit: number) => {
  const first = cursor ? Number(cursor) : n;
  const items = Array.from({ length: Math.min(limit, first) }, (_, i) => entry(first - i));
  const left = first - items.length;
  return Promise.resolve<AuditPage>({ items, next: left > 0 ? String(left) : null });
};

test("all pages in their order, and how far it is", async () => {
  const told: number[] = [];
  const { entries, more } = await pagesOf(logOf(1201), (n) => told.push(n));
  expect(entries.map((e) => e.seq)).toEqual(Array.from({ length: 1201 }, (_, i) => 1201 - i));
  expect([more, told]).toEqual([false, [500, 1000, 1201]]);
});

test("the bound is kept, and what is left out is told", async () => {
  const { entries, more } = await pagesOf(logOf(1201), () => {}, 700);
  expect([entries.length, more]).toEqual([700, true]);
  expect(await pagesOf(logOf(700), () => {}, 700)).toMatchObject({ more: false });
  expect(await pagesOf(logOf(0), () => {}, 700)).toEqual({ entries: [], more: false });
});

test("a line for each", () => {
  const lines = linesOf([entry(2), entry(1)]).split("\n");
  expect(lines.length).toBe(3);
  expect(JSON.parse(lines[0] ?? "")).toEqual(entry(2));
  expect(linesOf([])).toBe("");
});
