// What the charts and files of the page are made from.
import type { Insights, InsightsBuilds } from "../../api";

export const CHOICES = [7, 30, 90] as const;
const FIRST = 30;

/** The days that the address asks for. */
export const daysOf = (text: string) => CHOICES.find((n) => String(n) === text) ?? FIRST;

export const KINDS = ["good", "bad", "off", "open"] as const;
export type Kind = (typeof KINDS)[number];

/** From the bottom of a bar to its top. */
export function partsOf(builds: InsightsBuilds): Record<Kind, number> {
  return { good: builds.SUCCESS, bad: builds.FAILED, off: builds.CANCELED, open: builds.PENDING + builds.BUILDING };
}

export const totalOf = (builds: InsightsBuilds) => Object.values(partsOf(builds)).reduce((sum, n) => sum + n, 0);

/** 0 to 1, rounded down to a tenth of a percent, so that 1 means all; null of none. */
export function shareOf(part: number, rest: number): number | null {
  return part + rest ? Math.floor((part * 1000) / (part + rest)) / 1000 : null;
}

/* ---- files ---- */

type Cell = string | number | null;

/** What a spreadsheet would take for a formula is text. SPEC RFC 4180 */
function cellOf(value: Cell): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvOf(rows: Cell[][]): string {
  return rows.map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

export const FILES = {
  days: ({ days }: Insights) =>
    csvOf([
      ["day", "pending", "building", "success", "failed", "canceled", "measured", "median_ms", "p95_ms"],
      ...days.map(({ day, builds: b, duration: d }) => [
        day, b.PENDING, b.BUILDING, b.SUCCESS, b.FAILED, b.CANCELED, d?.count ?? 0, d?.medianMs ?? null, d?.p95Ms ?? null,
      ]),
    ]),
  waits: ({ queue }: Insights) =>
    csvOf([["platform", "jobs", "median_ms", "p95_ms"], ...queue.map(({ platform, wait }) => [platform, wait.count, wait.medianMs, wait.p95Ms])]),
  steps: ({ steps }: Insights) =>
    csvOf([
      ["repository", "step", "ran", "cached", "mean_ms", "longest_ms", "total_ms"],
      ...steps.map((s) => [s.repository, s.text, s.ran, s.cached, s.meanMs, s.longestMs, s.totalMs]),
    ]),
  rules: ({ rules }: Insights) =>
    csvOf([
      ["rule", "repository", "ref_type", "pattern", "failed", "succeeded", "flips"],
      ...rules.map((r) => [r.id, r.repository, r.refType, r.pattern, r.failed, r.succeeded, r.flips]),
    ]),
  storage: ({ storage }: Insights) =>
    csvOf([["repository", "blobs", "bytes"], ...storage.repositories.map((r) => [r.repository, r.blobs, r.bytes])]),
};
export type FileName = keyof typeof FILES;
