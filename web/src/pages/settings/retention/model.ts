// What the editor holds of a policy, and what the server is asked with it.
import type { Retention, RetentionPolicy } from "../../../api";

export const MATCHES = ["wildcard", "name", "expression"] as const;
export type Match = (typeof MATCHES)[number];

export const MOST_RULES = 10;
export const MOST_NEVER = 50;

/** `id` tells rows apart while they are moved; it is of this page only. */
export interface PatternRow {
  id: number;
  pattern: string;
  match: Match;
}
export interface RuleRow extends PatternRow {
  keepNewest: number;
  keepDays: number;
}
export interface Draft {
  rules: RuleRow[];
  never: PatternRow[];
  untaggedDays: number | null;
}

let lastId = 0;
export const newId = () => ++lastId;

export const NEW_RULE = { pattern: "", match: "wildcard", keepNewest: 10, keepDays: 0 } as const;
export const NEW_PATTERN = { pattern: "", match: "wildcard" } as const;

export function draftOf({ rules, never, untaggedDays }: Retention): Draft {
  return {
    rules: rules.map((rule) => ({ ...rule, id: newId() })),
    never: never.map((pattern) => ({ ...pattern, id: newId() })),
    untaggedDays,
  };
}

export function requestOf({ rules, never, untaggedDays }: Draft, enabled: boolean): RetentionPolicy {
  return {
    enabled,
    rules: rules.map(({ pattern, match, keepNewest, keepDays }) => ({ pattern, match, keepNewest, keepDays })),
    never: never.map(({ pattern, match }) => ({ pattern, match })),
    untaggedDays,
  };
}

/** Nothing of it is half written. */
export function isWhole({ rules, never }: Draft): boolean {
  return rules.every((rule) => rule.pattern !== "" && rule.keepNewest + rule.keepDays > 0) && never.every(({ pattern }) => pattern !== "");
}

/** Is it what is stored? */
export function isStored(draft: Draft, stored: Retention): boolean {
  return JSON.stringify(requestOf(draft, false)) === JSON.stringify(requestOf(draftOf(stored), false));
}

/** Does it do anything? */
export const isEmpty = ({ rules, untaggedDays }: Draft) => rules.length === 0 && untaggedDays === null;

/** The list with the item at `from` one place earlier or later. */
export function moved<T>(list: T[], from: number, by: -1 | 1): T[] {
  const next = [...list];
  const [item] = next.splice(from, 1);
  if (item !== undefined) next.splice(Math.max(0, from + by), 0, item);
  return next;
}

/** Which rows are in sight, with some around them. */
export function windowOf(top: number, height: number, row: number, n: number, around = 8): [number, number] {
  const first = Math.max(0, Math.floor(top / row) - around);
  return [Math.min(first, n), Math.min(n, Math.ceil((top + height) / row) + around)];
}
