// The log of a build, and what comes with it: states of the build and of its steps.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { useLocation, useNavigate } from "react-router";
import { api, type Build, type BuildStep, type BuildStepPage, path, serverUrl } from "../../api";
import { LogController } from "../../log/controller";
import { LogSource } from "../../log/source";
import { isOver } from "./model";

const POLL_MS = 3000;

export function useSteps(build: Build) {
  return useQuery({
    queryKey: ["builds", build.id, "steps"],
    queryFn: async ({ signal }) => (await api.get<BuildStepPage>(path`builds/${build.id}/steps`, signal)).items,
    refetchInterval: isOver(build) ? false : POLL_MS,
  });
}

function merged(old: BuildStep[] | undefined, news: BuildStep[]): BuildStep[] {
  const all = new Map((old ?? []).map((s) => [s.step, s]));
  for (const step of news) all.set(step.step, step);
  return [...all.values()].sort((a, b) => a.step - b.step);
}

/** One controller for as long as the page shows this build. */
export function useLog(build: Build): LogController {
  const client = useQueryClient();
  const navigate = useNavigate();
  const location = useLocation();
  const place = useRef(location);
  place.current = location;
  const { id } = build;

  const log = useMemo(() => {
    const source = new LogSource(id, api.get, (to) => serverUrl(`api/v1/${to}`));
    return new LogController(source, {
      build: (news) => client.setQueryData(["builds", id], news),
      steps: (news) => client.setQueryData(["builds", id, "steps"], (old?: BuildStep[]) => merged(old, news as BuildStep[])),
      link: (hash) => void navigate({ ...place.current, hash }, { replace: true, preventScrollReset: true }),
    });
  }, [id, client, navigate]);

  const live = !isOver(build);
  const first = useRef(live);
  useEffect(() => {
    void log.open(first.current, place.current.hash);
    return () => log.close();
  }, [log]);
  useEffect(() => {
    if (live) log.goLive(); // a retry in the same record
    else void client.invalidateQueries({ queryKey: ["builds", id, "steps"] });
  }, [log, live, client, id]);
  return log;
}
