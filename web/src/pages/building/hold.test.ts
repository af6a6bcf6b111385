import { expect, test } from "vitest";
import type { Build } from "../../api";
import { countNew, keepRows } from "./hold";

const build = (id: number, status = "SUCCESS") =>
  ({ id: String(id), status, createdAt: new Date(1_700_000_000_000 + id * 1000).toISOString() }) as Build;
const list = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => build(from - i));
const ids = (rows: Build[]) => rows.map((row) => Number(row.id));

test("rows stay while new ones come, in the state that they have now", () => {
  const rows = [build(2, "BUILDING"), build(1)];
  const latest = [build(4), build(3), build(2), build(1)];
  expect(keepRows(rows, latest).map((row) => row.status)).toEqual(["SUCCESS", "SUCCESS"]);
  expect(ids(keepRows(rows, latest))).toEqual([2, 1]);
  expect(countNew(rows, latest)).toBe(2);
});

test("a row that the list no longer has goes, unless newer ones pushed it off", () => {
  const rows = list(20, 1);
  expect(ids(keepRows(rows, list(20, 2)))).not.toContain(1);
  const many = list(75, 16);
  expect(ids(keepRows(rows, many))).toEqual(ids(rows));
  expect(countNew(rows, many)).toBe(55);
  expect(countNew(rows, list(99, 40))).toBe(60);
});

test("one that comes between is new too, and none below is", () => {
  expect(countNew([build(5), build(3)], [build(5), build(4), build(3), build(2)])).toBe(1);
  expect(countNew([build(5)], [build(5)])).toBe(0);
});
