import { expect, test, vi } from "vitest";
import { relativeTime } from "./format";

// The language is a parameter here; that of the page needs a browser.
vi.mock("../prefs", () => ({}));

const DAY = 86_400_000;

test("what is gone counts when it is whole, what is ahead by the nearest", () => {
  expect(relativeTime("en", -1.9 * DAY, 0)).toBe("yesterday");
  expect(relativeTime("en", 30 * DAY - 1000, 0)).toBe("in 30 days");
  expect(relativeTime("en", 29.4 * DAY, 0)).toBe("in 29 days");
  expect(relativeTime("zh", 30 * DAY - 1000, 0)).toBe("30天后");
  expect(relativeTime("en", 0, 0)).toBe("now");
});
