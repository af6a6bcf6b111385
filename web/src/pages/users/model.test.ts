import { describe, expect, it } from "vitest";
import type { User, WhoAmI } from "../../api";
import { find, isOneself, makePassword, marksOf } from "./model";

const user = (name: string, more: Partial<User> = {}): User => ({
  id: `usr-${name}`,
  name,
  admin: false,
  disabled: false,
  hasPassword: true,
  createdAt: "",
  updatedAt: "",
  ...more,
});

describe("marks of a user", () => {
  it("are all that hold", () => {
    expect(marksOf(user("a", { admin: true, disabled: true, hasPassword: false }))).toEqual(["admin", "disabled", "noPassword"]);
  });
  it("are never none", () => expect(marksOf(user("a"))).toEqual(["active"]));
});

describe("find", () => {
  const users = ["ada", "bob", "dana"].map((name) => user(name));
  it("looks for a part of the name, whatever the case and the blanks around", () => {
    expect(find(users, " DA ", 9).shown.map(({ name }) => name)).toEqual(["ada", "dana"]);
  });
  it("says how many are not shown", () => expect(find(users, "", 2)).toEqual({ shown: users.slice(0, 2), more: 1 }));
  it("finds nobody", () => expect(find(users, "x", 2)).toEqual({ shown: [], more: 0 }));
});

describe("oneself", () => {
  const me = { userId: "usr-ada" } as WhoAmI;
  it("is told by the id", () => {
    expect(isOneself(user("ada"), me)).toBe(true);
    expect(isOneself(user("bob"), me)).toBe(false);
    expect(isOneself(user("ada"), null)).toBe(false);
  });
});

describe("a password", () => {
  it("has four groups of letters that are told apart", () => {
    for (let i = 0; i < 100; i += 1) expect(makePassword()).toMatch(/^[a-km-np-z2-9]{5}(-[a-km-np-z2-9]{5}){3}$/);
  });
  it("is another each time", () => expect(new Set(Array.from({ length: 100 }, makePassword)).size).toBe(100));
});
