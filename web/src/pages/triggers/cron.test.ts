import { describe, expect, test } from "vitest";
import { meaningOf } from "./cron";

describe("what a simple expression means", () => {
  test.each([
    ["* * * * *", { kind: "minutes", n: 1 }],
    ["*/15 * * * *", { kind: "minutes", n: 15 }],
    ["5 * * * *", { kind: "hourly", minute: 5 }],
    ["@hourly", { kind: "hourly", minute: 0 }],
    ["30 3 * * *", { kind: "daily", time: "03:30" }],
    [" 30\t3  * * * ", { kind: "daily", time: "03:30" }],
    ["@daily", { kind: "daily", time: "00:00" }],
    ["0 4 * * 1", { kind: "weekly", days: [1], time: "04:00" }],
    ["0 4 * * MON-fri", { kind: "weekly", days: [1, 2, 3, 4, 5], time: "04:00" }],
    ["0 4 * * 6,0", { kind: "weekly", days: [6, 7], time: "04:00" }],
    ["0 4 * * fri-sun", { kind: "weekly", days: [5, 6, 7], time: "04:00" }],
    ["@weekly", { kind: "weekly", days: [7], time: "00:00" }],
    ["0 0 15 * *", { kind: "monthly", day: 15, time: "00:00" }],
    ["0 0 24 dec *", { kind: "yearly", month: 12, day: 24, time: "00:00" }],
    ["@yearly", { kind: "yearly", month: 1, day: 1, time: "00:00" }],
  ])("%s", (text, meaning) => expect(meaningOf(text)).toEqual(meaning));

  test.each([
    "", "0 3 * *", "0 3 * * * *", "*/7 * * * *", "0,30 * * * *", "0 */2 * * *", "0 1,2 * * *", "60 3 * * *", "0 24 * * *", "0 0 13 * 5", "0 0 0 * *",
    "0 0 1 1-3 *", "0 0 1,15 * *", "0 0 * * 1/2", "0 0 * * x", "0 0 * 2 1", "@reboot", "x",
  ])("says nothing of %j", (text) => expect(meaningOf(text)).toBeNull());
});
