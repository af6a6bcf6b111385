import { expect, test } from "vitest";
import { askedBy, edits, farness, nearest } from "./near";

test("edits: missing, more, others, changed places", () => {
  expect(edits("hello", "hello")).toBe(0);
  expect(edits("helo", "hello")).toBe(1);
  expect(edits("hellow", "hello")).toBe(1);
  expect(edits("jello", "hello")).toBe(1);
  expect(edits("hlelo", "hello")).toBe(1);
  expect(edits("", "abc")).toBe(3);
  expect(edits("ca", "abc")).toBe(3);
  expect(edits("x".repeat(100_000), "y")).toBe(256);
});

test("the nearest come first, and none that is far", () => {
  const names = ["demo/hello", "demo/hello-world", "other/hello", "demo/jelly", "library/alpine", "a"];
  const of = (asked: string, n = 9) => nearest(asked, names, (name) => name, n);
  expect(of("demo/helo")[0]).toBe("demo/hello");
  expect(of("demo/helo")).not.toContain("library/alpine");
  expect(of("hello")).toEqual(["demo/hello", "other/hello", "demo/hello-world"]);
  expect(of("Demo/Hello")[0]).toBe("demo/hello");
  expect(of("deom/hello", 1)).toEqual(["demo/hello"]);
  expect(of("nothing/like-it")).toEqual([]);
  expect(of("")).toEqual([]);
  expect(farness("demo/hello", "demo/hello")).toBe(0);
});

test("what an address asks for", () => {
  expect(askedBy("/repositories/tset/golang/-/info")).toBe("tset/golang");
  expect(askedBy("/repositorys/tset/golang")).toBe("tset/golang");
  expect(askedBy("/repositorys")).toBe("repositorys");
  expect(askedBy("/buidls/")).toBe("buidls");
  expect(askedBy("/a%2Fb/%E0%A4%A")).toBe("a/b/%E0%A4%A");
  expect(askedBy("/")).toBe("");
});
