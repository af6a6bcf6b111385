// The rows of the viewer: what stands in row i, and in which row line n is. Lines are in the order they came, or grouped by
// step, each group below a row that folds it. A layout follows its outline as that grows.
import type { Outline } from "./outline";

/** Lines of no step, before the first step's and after. */
export const BEFORE = -1;
export const AFTER = -2;

export interface LayoutOptions {
  grouped: boolean;
  /** Which lines are shown; null: all. */
  shows: ((platform: number, step: number) => boolean) | null;
}

export interface Section {
  /** Step, BEFORE or AFTER; 0 where lines are not grouped. */
  key: number;
  folded: boolean;
  nLines: number;
  /** Its runs, and how many of its lines there are up to the end of each. */
  runs: number[];
  ends: number[];
}

export type Row = { kind: "head"; section: Section } | { kind: "line"; section: Section; at: number; n: number; run: number };

export class Layout {
  sections: Section[] = [];
  nRows = 0;
  private readonly byKey = new Map<number, Section>();
  private firstRows: number[] = []; // of each section
  private run = 0; // the last one that was looked at
  private seen = 0; // lines of it
  private steps = false;

  constructor(
    readonly outline: Outline,
    readonly options: LayoutOptions,
    private readonly folded: Set<number> = new Set(),
  ) {
    this.follow();
  }

  /** Takes in what the outline has more. */
  follow() {
    const o = this.outline;
    for (; this.run < o.nRuns; this.run++, this.seen = 0) {
      const size = o.size(this.run);
      if (size > this.seen) this.take(size);
      this.seen = size;
      if (this.run === o.nRuns - 1) break; // it may grow
    }
    this.count();
  }

  fold(section: Section, folded: boolean) {
    section.folded = folded;
    if (folded) this.folded.add(section.key);
    else this.folded.delete(section.key);
    this.count();
  }

  foldAll(folded: boolean) {
    for (const s of this.sections) this.fold(s, folded);
  }

  row(i: number): Row | null {
    if (i < 0 || i >= this.nRows) return null;
    const at = lastAtMost(this.firstRows, i);
    const section = this.sections[at] as Section;
    const inside = i - (this.firstRows[at] as number) - (this.options.grouped ? 1 : 0);
    return inside < 0 ? { kind: "head", section } : this.line(section, inside);
  }

  /** Line `at` of the section. */
  line(section: Section, at: number): Row & { kind: "line" } {
    const place = firstAbove(section.ends, at);
    const run = section.runs[place] as number;
    const before = place ? (section.ends[place - 1] as number) : 0;
    return { kind: "line", section, at, n: this.outline.start(run) + at - before, run };
  }

  /** The section that line `n` is in, and its place there; null: it is not shown. */
  find(n: number): { section: Section; at: number } | null {
    if (n < 0 || n >= this.outline.total) return null;
    const run = this.outline.runOf(n);
    for (const key of this.options.grouped ? [this.outline.step(run) || BEFORE, AFTER] : [0]) {
      const section = this.byKey.get(key);
      const place = section ? lastAtMost(section.runs, run) : -1;
      if (!section || section.runs[place] !== run) continue;
      const before = place ? (section.ends[place - 1] as number) : 0;
      return { section, at: before + n - this.outline.start(run) };
    }
    return null;
  }

  /** The row of line `n`; -1: it is not shown or folded away. */
  rowOf(n: number): number {
    const found = this.find(n);
    if (!found || found.section.folded) return -1;
    return this.rowOfSection(found.section) + (this.options.grouped ? 1 : 0) + found.at;
  }

  rowOfSection(section: Section): number {
    return this.firstRows[this.sections.indexOf(section)] ?? -1;
  }

  section(key: number): Section | undefined {
    return this.byKey.get(key);
  }

  private take(size: number) {
    const o = this.outline;
    const [platform, step] = [o.platform(this.run), o.step(this.run)];
    if (step) this.steps = true;
    if (this.options.shows && !this.options.shows(platform, step)) return;
    const section = this.sectionOf(this.options.grouped ? step || (this.steps ? AFTER : BEFORE) : 0);
    if (section.runs[section.runs.length - 1] !== this.run) {
      section.runs.push(this.run);
      section.ends.push(section.nLines);
    }
    section.nLines += size - this.seen;
    section.ends[section.ends.length - 1] = section.nLines;
  }

  private sectionOf(key: number): Section {
    let section = this.byKey.get(key);
    if (section) return section;
    section = { key, folded: this.folded.has(key), nLines: 0, runs: [], ends: [] };
    this.byKey.set(key, section);
    const last = this.sections[this.sections.length - 1];
    if (last?.key === AFTER) this.sections.splice(-1, 0, section);
    else this.sections.push(section);
    return section;
  }

  private count() {
    this.nRows = 0;
    this.firstRows = this.sections.map((s) => {
      const first = this.nRows;
      this.nRows += (this.options.grouped ? 1 : 0) + (s.folded ? 0 : s.nLines);
      return first;
    });
  }
}

/** The place of the last number that is not above `n` in a list that grows; -1: none. */
function lastAtMost(list: number[], n: number): number {
  return firstAbove(list, n) - 1;
}

function firstAbove(list: number[], n: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}
