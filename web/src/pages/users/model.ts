// What the pages of users know without asking: what marks a user, whom a filter finds, a password that nobody guesses.
import type { User, WhoAmI } from "../../api";

export type Mark = "admin" | "disabled" | "noPassword" | "active";

/** What is to be seen at a glance; "active" when there is nothing else. */
export function marksOf({ admin, disabled, hasPassword }: User): Mark[] {
  const marks: Mark[] = [];
  if (admin) marks.push("admin");
  if (disabled) marks.push("disabled");
  if (!hasPassword) marks.push("noPassword");
  return marks.length > 0 ? marks : ["active"];
}

/** Those with `q` in their name, `most` of them, and how many more there are. */
export function find(users: User[], q: string, most: number): { shown: User[]; more: number } {
  const found = users.filter(({ name }) => name.includes(q.trim().toLowerCase()));
  return { shown: found.slice(0, most), more: Math.max(0, found.length - most) };
}

/** One does not take one's own rights away: another administrator can. */
export function isOneself(user: User, me: WhoAmI | null): boolean {
  return user.id === me?.userId;
}

// 32 characters that are told apart when read aloud or by eye: a byte picks one without favour, and 20 are 100 bits.
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP = 5;

/** Four groups of five letters and digits. */
export function makePassword(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(GROUPS * GROUP));
  const letters = Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length]).join("");
  return (letters.match(/.{5}/g) ?? []).join("-");
}
