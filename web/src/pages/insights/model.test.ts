import { expect, test } from "vitest";
import type { Insights } from "../../api";
import { countTicks, csvOf, daysOf, FILES, named, partsOf, shareOf, timeTicks, totalOf } from "./model";

const builds = { PENDING: 1, BUILDING: 2, SUCCESS: 7, FAILED: 3, CANCELED: 4 };

test("the days of the address are one of the choices", () => {
  expect(["7", "30", "90", "", "31", "x", "07"].map(daysOf)).toEqual([7, 30, 90, 30, 30, 30, 30]);
});

test("every build is in one part", () => {
  expect(partsOf(builds)).toEqual({ good: 7, bad: 3, off: 4, open: 3 });
  expect(totalOf(builds)).toBe(17);
});

test("all is said of all only", () => {
  expect([shareOf(7, 3), shareOf(2, 1), shareOf(99999, 1), shareOf(5, 0), shareOf(0, 5), shareOf(0, 0)]).toEqual([0.7, 0.666, 0.999, 1, 0, null]);
});

test("an axis has few values, begins with 0 and reaches the highest", () => {
  expect(countTicks(0)).toEqual([0, 1]);
  expect(countTicks(5)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(countTicks(6)).toEqual([0, 2, 4, 6]);
  expect(countTicks(3335)).toEqual([0, 1000, 2000, 3000, 4000]);
  expect(timeTicks(400)).toEqual([0, 1000]);
  expect(timeTicks(61_000)).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
  for (const most of [1, 17, 59_999, 3_600_001, 1e9, 1e12]) {
    for (const ticks of [countTicks(most), timeTicks(most)]) {
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
    }
  }
});

test("today has its name, and no two names are on each other", () => {
  const of = (n: number, room: number) => Array.from({ length: n }, (_, i) => i).filter(named(n, room));
  expect(of(7, 10)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(of(30, 6)).toEqual([4, 9, 14, 19, 24, 29]);
  expect(of(90, 0)).toEqual([89]);
});

test("texts of others are neither columns nor formulas of a file", () => {
  expect(csvOf([["a,b", 'say "x"', "two\nlines", null, 1.5], ["=1+1", "@x", "-y", "plain", -3]])).toBe(
    '"a,b","say ""x""","two\nlines",,1.5\r\n\'=1+1,\'@x,\'-y,plain,-3\r\n',
  );
});

test("a file has a line for each day, those without builds too", () => {
  const days = [
    { day: "2027-01-01", builds, duration: { count: 7, medianMs: 1000, p95Ms: 2000 } },
    { day: "2027-01-02", builds: { PENDING: 0, BUILDING: 0, SUCCESS: 0, FAILED: 0, CANCELED: 0 }, duration: null },
  ];
  expect(FILES.days({ days } as Insights).split("\r\n")).toEqual([
    "day,pending,building,success,failed,canceled,measured,median_ms,p95_ms",
    "2027-01-01,1,2,7,3,4,7,1000,2000",
    "2027-01-02,0,0,0,0,0,0,,",
    "",
  ]);
});
