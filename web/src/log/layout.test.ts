import { describe, expect, it } from "vitest";
import { AFTER, BEFORE, Layout, type LayoutOptions } from "./layout";
import { Outline } from "./outline";

interface Line {
  platform: number;
  step: number;
}

/** The rows by the plainest means there is. */
function plainRows(lines: Line[], o: LayoutOptions, folded: Set<number>): string[] {
  const groups = new Map<number, number[]>();
  let steps = false;
  lines.forEach((l, n) => {
    steps ||= l.step > 0;
    if (o.shows && !o.shows(l.platform, l.step)) return;
    const key = o.grouped ? l.step || (steps ? AFTER : BEFORE) : 0;
    groups.set(key, [...(groups.get(key) ?? []), n]);
  });
  const keys = [...groups.keys()].filter((k) => k !== AFTER);
  if (groups.has(AFTER)) keys.push(AFTER);
  return keys.flatMap((key) => [...(o.grouped ? [`head ${key}`] : []), ...(folded.has(key) ? [] : (groups.get(key) ?? []).map(String))]);
}

function rowsOf(layout: Layout): string[] {
  return Array.from({ length: layout.nRows }, (_x, i) => {
    const row = layout.row(i);
    return row?.kind === "head" ? `head ${row.section.key}` : String(row?.n);
  });
}

/** Numbers that are the same each time. */
function chance(seed: number) {
  let s = seed;
  return (n: number) => {
    s = (Math.imul(s, 1103515245) + 12345) >>> 0;
    return (s >>> 8) % n;
  };
}

describe("rows, whatever the log", () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`seed ${seed}`, () => {
      const random = chance(seed);
      const lines: Line[] = [];
      const outline = new Outline();
      const options: LayoutOptions = { grouped: seed % 2 === 0, shows: seed % 3 ? null : (p) => p !== 2 };
      const folded = new Set<number>();
      const layout = new Layout(outline, options, folded);
      for (let round = 0; round < 30; round++) {
        const line = { platform: random(4), step: random(3) ? random(6) : 0 };
        const size = 1 + random(5);
        // as one run of the server's, or line by line as they come live
        if (random(2)) outline.add(size, line.platform, line.step);
        else for (let i = 0; i < size; i++, layout.follow()) outline.add(1, line.platform, line.step);
        for (let i = 0; i < size; i++) lines.push(line);
        layout.follow();
        const some = layout.sections[random(layout.sections.length || 1)];
        if (options.grouped && some && random(3) === 0) layout.fold(some, !some.folded);
        const want = plainRows(lines, options, folded);
        expect(rowsOf(layout)).toEqual(want);
        lines.forEach((_l, n) => expect(layout.rowOf(n)).toBe(want.indexOf(String(n))));
      }
      expect(outline.total).toBe(lines.length);
      expect(layout.row(-1)).toBeNull();
      expect(layout.row(layout.nRows)).toBeNull();
    });
  }
});

it("a million lines of ten thousand runs", () => {
  const outline = new Outline();
  for (let i = 0; i < 10_000; i++) outline.add(100, i % 4, 1 + (i % 50));
  const layout = new Layout(outline, { grouped: true, shows: null });
  expect(layout.nRows).toBe(1_000_050);
  const row = layout.row(layout.rowOf(777_777));
  expect(row).toMatchObject({ kind: "line", n: 777_777 });
});
