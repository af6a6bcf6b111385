// Steps at the left, the log at the right.
import { CheckCircleFilled, ClockCircleOutlined, CloseCircleFilled, StopOutlined, SyncOutlined, ThunderboltFilled } from "@ant-design/icons";
import { Button } from "antd";
import type { ReactNode } from "react";
import type { Build, BuildStep } from "../../api";
import { useCommon } from "../../i18n/common";
import * as format from "../../i18n/format";
import type { LogController, LogTexts } from "../../log/controller";
import { BEFORE } from "../../log/layout";
import { LogPane } from "../../log/LogPane";
import { useLogText } from "../../log/text";
import { usePrefs } from "../../prefs";
import { useShortcut } from "../../shell/shortcuts";
import { announce } from "../../ui/announce";
import { groupSteps, longest, shortPlatform, type StepGroup, stateOf } from "./model";
import { useBuildText } from "./text";

interface Props {
  log: LogController;
  build: Build;
  steps: BuildStep[];
  platform: string | null;
}

export function LogTab({ log, build, steps, platform }: Props) {
  const texts = useLogTexts(build, steps);
  const headKey = steps.map((s) => `${s.step}${s.state}${s.tookMs}`).join();
  const { language } = usePrefs();
  return (
    <div className="build-log">
      <StepList log={log} steps={steps} platform={platform} many={build.jobs.length > 1} />
      <LogPane log={log} texts={texts} headKey={`${language} ${headKey}`} />
    </div>
  );
}

/** What stands in the heads of steps. */
function useLogTexts(build: Build, steps: BuildStep[]): LogTexts {
  const t = useLogText();
  const c = useCommon();
  const { language } = usePrefs();
  const byNumber = new Map(steps.map((s) => [s.step, s]));
  const many = build.jobs.length;
  return {
    label: t("log.label"),
    gap: (ms) => t("log.gap", { time: format.duration(language, ms) }),
    head: (key) => {
      const s = byNumber.get(key);
      if (key < 0) return { state: "", stateLabel: "", title: t(key === BEFORE ? "log.before" : "log.after"), detail: "" };
      if (!s) return { state: "", stateLabel: "", title: `#${key}`, detail: "" };
      const where = many > 1 && s.platforms.length < many ? ` · ${s.platforms.map(shortPlatform).join(", ")}` : "";
      const took = s.tookMs === null ? "" : ` · ${format.duration(language, s.tookMs)}`;
      const stage = s.stage ? `[${s.stage}] ` : "";
      return { state: s.state, stateLabel: c(`common.state.${s.state}`), title: `#${key} ${stage}${s.text}`, detail: `${c(`common.state.${s.state}`)}${took}${where}` };
    },
  };
}

const ICONS: Record<BuildStep["state"], ReactNode> = {
  waiting: <ClockCircleOutlined />,
  running: <SyncOutlined spin />,
  done: <CheckCircleFilled />,
  cached: <ThunderboltFilled />,
  failed: <CloseCircleFilled />,
  canceled: <StopOutlined />,
};

function StepList({ log, steps, platform, many }: { log: LogController; steps: BuildStep[]; platform: string | null; many: boolean }) {
  const t = useBuildText();
  const groups = groupSteps(steps, platform);
  const show = (step: number) => {
    if (!log.revealStep(step)) announce(t("build.noLines"));
  };
  useStepKeys(log, steps, platform, show);
  if (!groups.length) return null;
  return (
    <nav className="bsteps" aria-label={t("build.steps")}>
      <ol>
        {groups.map((g) => (
          <li key={g.key}>
            <StepEntry group={g} show={show} />
            {many && g.steps.length > 1 ? <Dots group={g} show={show} /> : null}
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** "[" and "]" go to the step before and after that which is on screen; "!" to the next that failed. */
function useStepKeys(log: LogController, steps: BuildStep[], platform: string | null, show: (step: number) => void) {
  const t = useBuildText();
  const mine = steps.filter((s) => !platform || s.platforms.includes(platform)).map((s) => s.step);
  const move = (by: number) => {
    const here = mine.indexOf(log.stepOnScreen());
    for (let i = here + by; i >= 0 && i < mine.length; i += by) if (log.revealStep(mine[i] as number)) return;
  };
  useShortcut("[", t("build.previousStep"), () => move(-1));
  useShortcut("]", t("build.nextStep"), () => move(1));
  useShortcut("!", t("build.nextError"), () => {
    const failed = steps.filter((s) => s.state === "failed").map((s) => s.step);
    const next = failed.find((s) => s > log.stepOnScreen()) ?? failed[0];
    if (next !== undefined) show(next);
  });
}

function StepEntry({ group, show }: { group: StepGroup; show: (step: number) => void }) {
  const t = useBuildText();
  const c = useCommon();
  const { language } = usePrefs();
  const state = stateOf(group.steps);
  const ms = longest(group.steps);
  const first = group.steps[0] as BuildStep;
  const reason = group.steps.find((s) => s.cacheReason)?.cacheReason;
  return (
    <button type="button" className={`bstep bstep-${state}`} onClick={() => show((group.steps.find((s) => s.state === state) ?? first).step)}>
      <span className="bstep-icon" role="img" aria-label={c(`common.state.${state}`)}>
        {ICONS[state]}
      </span>
      <span className="bstep-text">
        <span className="bstep-name">{group.text}</span>
        <span className="bstep-more">
          {group.stage}
          {reason ? ` · ${reasonText(t, reason)}` : ""}
        </span>
      </span>
      <span className="bstep-time">{state === "cached" || ms === null ? "" : format.duration(language, ms)}</span>
    </button>
  );
}

function Dots({ group, show }: { group: StepGroup; show: (step: number) => void }) {
  const c = useCommon();
  return (
    <span className="bstep-dots">
      {group.steps.map((s) => (
        <Button key={s.step} size="small" type="text" className={`bstep-dot bstep-${s.state}`} onClick={() => show(s.step)}>
          <span aria-hidden="true">{ICONS[s.state]}</span>
          {s.platforms.map(shortPlatform).join(", ")}
          <span className="visually-hidden">: {c(`common.state.${s.state}`)}</span>
        </Button>
      ))}
    </span>
  );
}

const REASONS: Record<string, string> = {
  "base image": "base",
  "cached: same inputs": "same",
  "cached in the server: same inputs": "server",
  "not cached: --no-cache": "off",
  "no earlier run with this parent": "first",
  "instruction changed, or never run": "instruction",
  "the step before it was run again": "parent",
  "the stage it copies from was built again": "stage",
  "files changed": "files",
};

/** The builder's reason in the reader's language, if it is one of those that are known. */
export function reasonText(t: ReturnType<typeof useBuildText>, reason: string): string {
  const key = REASONS[reason];
  return key ? t(`build.reason.${key}` as "build.reason.files") : reason;
}
