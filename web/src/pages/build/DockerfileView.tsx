// The Dockerfile with the time, or the failure, of each instruction for each architecture at its line.
import type { Build, BuildStep } from "../../api";
import { useCommon } from "../../i18n/common";
import * as format from "../../i18n/format";
import { usePrefs } from "../../prefs";
import { useDockerfile } from "../../queries";
import { Loading, Nothing } from "../../ui/states";
import { errorLine, fileOf, shortPlatform } from "./model";
import { reasonText } from "./LogTab";
import { useBuildText } from "./text";

interface Props {
  build: Build;
  steps: BuildStep[];
  show: (step: number) => void;
}

export function DockerfileView({ build, steps, show }: Props) {
  const t = useBuildText();
  const placed = new Map<number, BuildStep[]>();
  for (const s of steps) if (s.line > 0) placed.set(s.line, [...(placed.get(s.line) ?? []), s]);
  const { data: whole, isPending } = useDockerfile(build.id);
  const lines = [...placed].sort(([a], [b]) => a - b).map(([line, at]) => ({ line, code: at[0]?.text ?? "", at }));
  if (isPending) return <Loading />;
  if (!lines.length && whole === undefined) return <Nothing title={t("build.noSteps")} />;
  const file = fileOf(build);
  return (
    <>
      <p className="quiet">
        {t(whole === undefined ? "build.dockerfileNote" : "build.dockerfileWhole", { file, commit: build.commit.slice(0, 7) })}
      </p>
      <ol className={whole === undefined ? "dockerfile" : "dockerfile df-whole"} aria-label={file}>
        {(whole === undefined ? lines : linesOf(whole, placed)).map(({ line, code, at }) => (
          <Line key={line} line={line} code={code} steps={at} build={build} show={show} />
        ))}
      </ol>
    </>
  );
}

function linesOf(text: string, placed: Map<number, BuildStep[]>) {
  return text
    .replace(/\r?\n$/, "")
    .split(/\r?\n/)
    .map((code, i) => ({ line: i + 1, code, at: placed.get(i + 1) ?? [] }));
}

interface LineProps {
  line: number;
  code: string;
  steps: BuildStep[];
  build: Build;
  show: (step: number) => void;
}

function Line({ line, code, steps, build, show }: LineProps) {
  const errors = build.jobs.filter((j) => j.error && errorLine(j.error.text) === line);
  const stage = steps[0]?.stage;
  return (
    <li className={errors.length ? "df-line df-bad" : "df-line"}>
      <span className="df-no">{line}</span>
      <div className="df-code">
        {stage ? <span className="df-stage">{stage}</span> : null}
        <code>{code}</code>
        {errors.map((j) => (
          <p key={j.platform} className="df-error">
            {j.error?.text.split("\n").slice(1).join("\n").trim() || j.error?.text}
          </p>
        ))}
      </div>
      <span className="df-chips">
        {steps.map((s) => (
          <Chip key={s.step} step={s} all={s.platforms.length === build.jobs.length} show={show} />
        ))}
      </span>
    </li>
  );
}

function Chip({ step, all, show }: { step: BuildStep; all: boolean; show: (step: number) => void }) {
  const t = useBuildText();
  const c = useCommon();
  const { language } = usePrefs();
  const timed = step.state === "done" || step.state === "running";
  const what = timed && step.tookMs !== null ? format.duration(language, step.tookMs) : c(`common.state.${step.state}`);
  return (
    <button type="button" className={`df-chip bstep-${step.state}`} title={step.cacheReason ? reasonText(t, step.cacheReason) : undefined} onClick={() => show(step.step)}>
      {all ? t("build.all") : step.platforms.map(shortPlatform).join(", ")} <strong>{what}</strong>
    </button>
  );
}
