import { expect, test } from "vitest";
import { countTicks, named, sizeTicks, timeTicks } from "./axis";

test("an axis has few values, begins with 0 and reaches the highest", () => {
  expect(countTicks(0)).toEqual([0, 1]);
  expect(countTicks(5)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(countTicks(6)).toEqual([0, 2, 4, 6]);
  expect(countTicks(3335)).toEqual([0, 1000, 2000, 3000, 4000]);
  expect(sizeTicks(0)).toEqual([0, 1]);
  expect(sizeTicks(1000)).toEqual([0, 200, 400, 600, 800, 1000]);
  expect(sizeTicks(3 * 2 ** 20 + 1)).toEqual([0, 2 ** 20, 2 * 2 ** 20, 3 * 2 ** 20, 4 * 2 ** 20]);
  expect(timeTicks(400)).toEqual([0, 1000]);
  expect(timeTicks(61_000)).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
  for (const most of [1, 17, 59_999, 3_600_001, 1e9, 1e12]) {
    for (const ticks of [countTicks(most), timeTicks(most), sizeTicks(most)]) {
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
    }
  }
});

test("the last one has its name, and no two names are on each other", () => {
  const of = (n: number, room: number) => Array.from({ length: n }, (_, i) => i).filter(named(n, room));
  expect(of(7, 10)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(of(30, 6)).toEqual([4, 9, 14, 19, 24, 29]);
  expect(of(90, 0)).toEqual([89]);
});
