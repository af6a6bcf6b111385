// What is asked about the builds of all repositories.
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { api, type Build, type BuildHistoryPage, type BuildPage, firstOf, type Insights, path, withQuery } from "./api";
import { CALM_MS, repositoryQuery } from "./queries";
import { may } from "./roles";
import { useMe } from "./session";

const MOST_RUNNING = 99;

export function useRunning() {
  return useQuery({
    queryKey: ["builds", "running"],
    queryFn: ({ signal }) => api.get<BuildPage>(withQuery("builds", { status: "BUILDING", limit: MOST_RUNNING }), signal),
    refetchInterval: CALM_MS,
  });
}

/** What waits, and what runs: of its architectures some may wait. */
export function useQueue() {
  return useQuery({
    queryKey: ["builds", "queue"],
    queryFn: async ({ signal }) => {
      const found = await Promise.all(["PENDING", "BUILDING"].map((status) => firstOf<Build>(withQuery("builds", { status }), signal)));
      return { items: found.flatMap(({ items }) => items), more: found.some(({ more }) => more) };
    },
    refetchInterval: CALM_MS,
  });
}

export const LOOKED_AT = 100;

/** The newest builds of a repository, or of one of its rules, that published something. */
export function useSucceeded(repository: string, rule?: string, enabled = true) {
  const filter = { repository, rule, status: "SUCCESS", limit: LOOKED_AT };
  return useQuery({
    queryKey: ["builds", "succeeded", filter],
    queryFn: async ({ signal }) => (await api.get<BuildPage>(withQuery("builds", filter), signal)).items,
    enabled,
  });
}

/** In which of these repositories may one cancel and retry builds? */
export function useMayBuild(names: string[]): (repository: string) => boolean {
  const admin = useMe()?.admin === true;
  const asked = admin ? [] : [...new Set(names)];
  const found = useQueries({ queries: asked.map(repositoryQuery) });
  return (repository) => admin || may(found[asked.indexOf(repository)]?.data, "develop");
}

/** A build and those of its rule before it, the newest first; with `step` what became of that step in each. */
export function useBuildHistory(build: Build, step?: number) {
  return useQuery({
    queryKey: ["builds", "history", build.id, build.status, step],
    queryFn: async ({ signal }) => (await api.get<BuildHistoryPage>(withQuery(path`builds/${build.id}/history`, { step }), signal)).items,
    placeholderData: keepPreviousData,
  });
}

/** What the builds of the last days say together, in a repository or in all. */
export function useInsights(days: number, repository?: string) {
  return useQuery({
    queryKey: ["insights", { days, repository }],
    queryFn: ({ signal }) => api.get<Insights>(withQuery("insights", { days, repository }), signal),
    placeholderData: keepPreviousData,
  });
}
