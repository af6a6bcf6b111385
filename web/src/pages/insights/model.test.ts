import { expect, test } from "vitest";
import type { Insights } from "../../api";
import { csvOf, daysOf, FILES, partsOf, shareOf, totalOf } from "./model";

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
