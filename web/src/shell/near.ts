// What somebody may have meant who asked for an address that leads nowhere.
import { decodedPart } from "../urls";

const MOST = 256;
/** Of the length: more edits than these make another word of it. */
const FAR = 0.4;

/** How many letters differ: missing, more, others, or two that changed places. */
export function edits(a: string, b: string): number {
  const [x, y] = [a.slice(0, MOST), b.slice(0, MOST)];
  let before: number[] = [];
  let row = Array.from({ length: y.length + 1 }, (_, j) => j);
  for (let i = 1; i <= x.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= y.length; j += 1) {
      const same = x[i - 1] === y[j - 1];
      const swapped = i > 1 && j > 1 && x[i - 1] === y[j - 2] && x[i - 2] === y[j - 1];
      const least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      next.push(swapped ? Math.min(least, (before[j - 2] ?? 0) + 1) : least);
    }
    [before, row] = [row, next];
  }
  return row[y.length] ?? 0;
}

const shareOf = (a: string, b: string) => edits(a, b) / Math.max(a.length, b.length, 1);

/** 0 for the same, 1 for nothing in common. A name without its namespace counts a little less than the whole. */
export function farness(asked: string, name: string): number {
  const [a, b] = [asked.toLowerCase(), name.toLowerCase()];
  if (!a) return 1;
  const within = a.length > 2 && b.length > 2 && (a.includes(b) || b.includes(a)) ? 0.3 : 1;
  const last = (text: string) => text.slice(text.lastIndexOf("/") + 1);
  return Math.min(shareOf(a, b), within, last(a).length > 2 ? shareOf(last(a), last(b)) + 0.1 : 1);
}

/** The nearest first, at most `n`, none that is far. */
export function nearest<T>(asked: string, items: T[], nameOf: (item: T) => string, n: number): T[] {
  return items
    .map((item) => ({ item, far: farness(asked, nameOf(item)) }))
    .filter(({ far }) => far <= FAR)
    .sort((a, b) => a.far - b.far || (nameOf(a.item) < nameOf(b.item) ? -1 : 1))
    .slice(0, n)
    .map(({ item }) => item);
}

/** What a path of the console asks for: the repository's name where it may be one, else the path itself. */
export function askedBy(pathname: string): string {
  const whole = pathname.split("/").map(decodedPart).join("/").replace(/^\/+|\/+$/g, "");
  const [name = ""] = whole.split("/-/");
  return name.replace(/^repositor[a-z]*\/+(?=.)/, "");
}
