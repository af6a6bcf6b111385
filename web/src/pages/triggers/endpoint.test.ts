import { describe, expect, it } from "vitest";
import { changeOf, EVENTS, FIRST, hostOf } from "./endpoint";

describe("endpoints", () => {
  it("has all events at first", () => {
    expect(EVENTS).toHaveLength(6);
    expect(FIRST.events).toEqual(EVENTS);
  });
  it("sends what differs, whatever the order of events", () => {
    expect(changeOf(FIRST, { ...FIRST, events: [...EVENTS].reverse() })).toEqual({});
    expect(changeOf(FIRST, { ...FIRST, url: "https://x/", signed: true })).toEqual({ url: "https://x/", signed: true });
    expect(changeOf(FIRST, { ...FIRST, events: EVENTS.slice(1) })).toEqual({ events: EVENTS.slice(1) });
  });
  it("names the host", () => {
    expect(hostOf("https://chat.example:8443/hooks/secret")).toBe("chat.example:8443");
    expect(hostOf("nonsense")).toBe("nonsense");
  });
});
