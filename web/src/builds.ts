// What is asked about the builds of all repositories.
import { useQueries, useQuery } from "@tanstack/react-query";
import { api, type Build, type BuildPage, firstOf, withQuery } from "./api";
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

/** In which of these repositories may one cancel and retry builds? */
export function useMayBuild(names: string[]): (repository: string) => boolean {
  const admin = useMe()?.admin === true;
  const asked = admin ? [] : [...new Set(names)];
  const found = useQueries({ queries: asked.map(repositoryQuery) });
  return (repository) => admin || may(found[asked.indexOf(repository)]?.data, "develop");
}
