// The audit log from page to page, up to a bound.
import type { AuditEntry, AuditPage } from "../../api";

export const EXPORTED = 100_000;
const PAGE = 500;

/** The newest entries, `most` of them or fewer, and whether there are more. `progress` is told how many there are so far. */
export async function pagesOf(
  fetchPage: (cursor: string | null, limit: number) => Promise<AuditPage>,
  progress: (n: number) => void,
  most = EXPORTED,
): Promise<{ entries: AuditEntry[]; more: boolean }> {
  const entries: AuditEntry[] = [];
  let cursor: string | null = null;
  do {
    const page: AuditPage = await fetchPage(cursor, Math.min(PAGE, most - entries.length));
    entries.push(...page.items);
    cursor = page.next;
    progress(entries.length);
  } while (cursor && entries.length < most);
  return { entries, more: cursor !== null };
}

export function linesOf(entries: AuditEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}
