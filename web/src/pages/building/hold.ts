// A list that others add to while one reads it: its rows stay where they are until one asks for the new ones.
import { useEffect, useState } from "react";
import type { Build, BuildPage } from "../../api";
import { type BuildFilter, useBuilds } from "../../queries";

export const PAGE_SIZE = 20;
/** So many are asked for while rows stay, to know how those are that newer ones pushed off the page. */
const WATCHED = 60;

/** The rows as they are now. One that the newest list should have and has not is gone, or in another state. */
export function keepRows(rows: Build[], latest: Build[]): Build[] {
  const now = new Map(latest.map((build) => [build.id, build]));
  const end = latest.length >= WATCHED ? (latest.at(-1)?.createdAt ?? "") : "";
  return rows.flatMap((row) => now.get(row.id) ?? (Date.parse(row.createdAt) < Date.parse(end) ? row : []));
}

/** How many of the newest list belong above or among the rows and are not there. */
export function countNew(rows: Build[], latest: Build[]): number {
  const known = new Set(rows.map((row) => row.id));
  const last = latest.findLastIndex((build) => known.has(build.id));
  const above = last < 0 ? latest : latest.slice(0, last);
  return above.filter((build) => !known.has(build.id)).length;
}

interface Kept {
  filter: string;
  page: BuildPage;
  /** When it was the newest list, in ms. */
  at: number;
}

/** A page of builds; when it is not the first or `scrolled`, with how many are new above it. */
export function useBuildPage(filter: BuildFilter, cursor: string, scrolled: boolean) {
  const key = JSON.stringify(filter);
  const [kept, setKept] = useState<Kept | null>(null);
  const away = scrolled || cursor !== "";
  const stay = away && kept?.filter === key && kept.page.items.length > 0 ? kept : null;
  const first = useBuilds({ ...filter, limit: stay ? WATCHED : PAGE_SIZE });
  const page = useBuilds({ ...filter, cursor: cursor || undefined, limit: PAGE_SIZE }, cursor !== "");
  const { data, isPlaceholderData, dataUpdatedAt } = first;
  useEffect(() => {
    if (!stay && data && !isPlaceholderData) setKept({ filter: key, page: data, at: dataUpdatedAt });
  }, [stay, key, data, isPlaceholderData, dataUpdatedAt]);
  // What was remembered of the longer list may be older than the rows, and then knows nothing of them.
  const latest = stay && data && !isPlaceholderData && dataUpdatedAt >= stay.at ? data.items : null;
  const held = stay && { items: latest ? keepRows(stay.page.items, latest) : stay.page.items, next: stay.page.next };
  const shown = cursor ? page.data : (held ?? data);
  const query = cursor ? page : first;
  return {
    query: { ...query, data: shown && { items: shown.items.slice(0, PAGE_SIZE), next: shown.next } },
    busy: cursor ? page.isPlaceholderData : !stay && isPlaceholderData,
    news: stay && latest ? countNew(stay.page.items, latest) : 0,
    showNews: () => setKept(null),
  };
}
