import { describe, expect, it } from "vitest";
import { may, type Role } from "./roles";

describe("may", () => {
  it("is true from the role on", () => {
    const can = (["view", "develop", "maintain", "admin"] as Role[]).map((role) => may({ role }, "maintain"));
    expect(can).toEqual([false, false, true, true]);
  });
  it("is false without a role, and before it is known", () => {
    expect(may({ role: null }, "view")).toBe(false);
    expect(may(undefined, "view")).toBe(false);
  });
});
