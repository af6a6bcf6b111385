import { describe, expect, it } from "vitest";
import { LineCache, type LogLine } from "./cache";
import { sinceStart } from "./format";
import { linkOf, parseLink } from "./link";
import { LogSearch } from "./search";
import type { LogSource } from "./source";
import { rangesOf } from "./spans";

const line = (n: number, text = `line ${n}`): LogLine => ({ n, time: "", platform: null, step: null, stream: "stdout", text });

describe("cache", () => {
  it("keeps the newest lines", () => {
    const cache = new LineCache(10);
    for (let n = 0; n < 25; n++) cache.put([line(n)]);
    expect(cache.size).toBe(10);
    expect([cache.get(14), cache.get(15)?.n, cache.get(24)?.n]).toEqual([undefined, 15, 24]);
  });
  it("is bounded by characters, and counts a line once", () => {
    const cache = new LineCache(1000, 1000);
    for (let i = 0; i < 5; i++) cache.put([line(1, "x".repeat(400))]);
    expect(cache.size).toBe(1);
    cache.put([line(2, "x".repeat(400)), line(3, "x".repeat(400))]);
    expect([cache.size, cache.get(1)]).toEqual([2, undefined]);
  });
});

describe("links", () => {
  it.each([["#L120", [119, 119]], ["#L120-L140", [119, 139]], ["#L140-L120", [119, 139]]] as const)("%s", (hash, want) => {
    expect(parseLink(hash)).toEqual(want);
  });
  it.each(["", "#", "#L", "#L0", "#L1-", "#L1-2", "#x", "#L1-L0", "#L12345678901"])("%j is none", (hash) => expect(parseLink(hash)).toBeNull());
  it("are read as they are written", () => {
    expect([linkOf([0, 0]), linkOf([4, 9])]).toEqual(["#L1", "#L5-L10"]);
  });
});

it("times since the start", () => {
  expect([0, 1234, 61_000, 3_723_450, -500].map(sinceStart)).toEqual(["+0:00.0", "+0:01.2", "+1:01.0", "+1:02:03.4", "+0:00.0"]);
});

it("places of a text in a line", () => {
  expect(rangesOf("aXax", "x", true)).toEqual([[1, 2], [3, 4]]);
  expect(rangesOf("aXax", "x", false)).toEqual([[3, 4]]);
  expect(rangesOf("aaaa", "aa", false)).toEqual([[0, 2], [2, 4]]);
  expect(rangesOf("a", "", true)).toEqual([]);
});

/** A server whose every third line matches, of `total` matches, with answers that are cut at `most`. */
function searching(total: number, most: number): LogSource {
  return {
    search: async ({ from = 0, skip = 0, limit = 0 }: Record<string, number>) => {
      const first = Math.min(total, Math.max(skip, Math.ceil(from / 3)));
      const n = Math.min(limit, most, total - first);
      return { lines: Array.from({ length: n }, (_x, i) => line((first + i) * 3)), first, total, next: null };
    },
  } as unknown as LogSource;
}

describe("search", () => {
  const query = { text: "x", regex: false, ignoreCase: true };
  it.each([[7, 500], [1234, 500], [1234, 3]])("goes over %i matches both ways", async (total, most) => {
    const s = new LogSearch(searching(total, most), query, {}, new AbortController().signal);
    expect(await s.begin(10)).toBe(12);
    expect([s.index, s.total]).toEqual([4, total]);
    for (let i = 5; i < total; i++) expect(await s.move(1)).toBe(i * 3);
    expect(await s.move(1)).toBe(0);
    for (let i = total - 1; i >= 0; i--) expect([await s.move(-1), s.index]).toEqual([i * 3, i]);
  });
  it("begins anew behind the last match", async () => {
    const s = new LogSearch(searching(4, 500), query, {}, new AbortController().signal);
    expect([await s.begin(100), s.index]).toEqual([0, 0]);
  });
  it("finds nothing", async () => {
    const s = new LogSearch(searching(0, 500), query, {}, new AbortController().signal);
    expect([await s.begin(0), await s.move(1), s.index]).toEqual([-1, -1, -1]);
  });
});
