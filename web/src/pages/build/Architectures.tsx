// Architectures side by side: state, time, where, how much came from the cache; one of them can be chosen.
import { Button } from "antd";
import type { Build, BuildJob, BuildStep } from "../../api";
import { useShortcut } from "../../shell/shortcuts";
import { Duration, StatePill } from "../../ui/values";
import { ProblemAlert } from "../../ui/states";
import { useAct } from "./act";
import { isOver } from "./model";
import { useBuildText } from "./text";

interface Props {
  build: Build;
  steps: BuildStep[];
  chosen: string | null;
  choose: (platform: string | null) => void;
  repository: string;
  /** Whether one may retry. */
  mayAct: boolean;
}

export function Architectures({ build, steps, chosen, choose, repository, mayAct }: Props) {
  const t = useBuildText();
  const act = useAct(build, repository);
  return (
    <>
      <ul className="archs" aria-label={t("build.architectures")}>
        {build.jobs.map((job, i) => (
          <li key={job.platform} className={chosen === job.platform ? "arch arch-chosen" : "arch"}>
            <Choose n={i + 1} job={job} chosen={chosen === job.platform} choose={choose} />
            <div className="arch-facts">
              <Duration from={job.startedAt} to={job.endedAt} />
              <span>{cacheOf(t, steps, job.platform)}</span>
              {job.native === null ? null : <span>{t(job.native ? "build.native" : "build.emulated")}</span>}
              {job.attempt > 1 ? <span>{t("build.attempt", { n: job.attempt })}</span> : null}
              {job.worker ? <span>{t("build.worker", { name: job.worker })}</span> : null}
            </div>
            {mayAct && isOver(build) && (job.state === "failed" || job.state === "canceled") ? (
              <Button size="small" loading={act.isPending} onClick={() => act.mutate({ verb: "retry", platform: job.platform })}>
                {t("build.retryOne", { platform: job.platform })}
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
      {act.error ? <ProblemAlert error={act.error} /> : null}
    </>
  );
}

function cacheOf(t: ReturnType<typeof useBuildText>, steps: BuildStep[], platform: string): string {
  const mine = steps.filter((s) => s.platforms.includes(platform));
  return t("build.cached", { n: mine.filter((s) => s.state === "cached").length, total: mine.length });
}

function Choose({ n, job, chosen, choose }: { n: number; job: BuildJob; chosen: boolean; choose: (platform: string | null) => void }) {
  const t = useBuildText();
  const act = () => choose(chosen ? null : job.platform);
  useShortcut(String(n), t("build.chooseKey", { platform: job.platform }), act);
  return (
    <button type="button" className="arch-choose" aria-pressed={chosen} title={t("build.choose", { platform: job.platform })} onClick={act}>
      <span className="arch-name">{job.platform}</span>
      <StatePill state={job.state} />
    </button>
  );
}
