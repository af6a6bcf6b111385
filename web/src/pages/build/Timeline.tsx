// When each step ran on which architecture: bars on one axis, what came from the cache, what waited, and the critical path.
import type { Build, BuildStep } from "../../api";
import { useCommon } from "../../i18n/common";
import * as format from "../../i18n/format";
import { usePrefs } from "../../prefs";
import { useNow } from "../../ui/clock";
import { Facts } from "../../ui/page";
import { Nothing } from "../../ui/states";
import { Duration, StatePill } from "../../ui/values";
import { useWidth } from "../../ui/width";
import { KeyTable } from "./KeyTable";
import { reasonText } from "./LogTab";
import { criticalPath, isOver, type Lane, lanesOf, shortPlatform, type Span, spansOf, ticksOf, totalsOf } from "./model";
import { useBuildText } from "./text";

const ROW = 26;
const HEAD = 28;
const AXIS = 26;
const LABEL = 300;
const NARROW = 150;

interface Props {
  build: Build;
  steps: BuildStep[];
  platform: string | null;
  show: (step: number) => void;
}

export function Timeline({ build, steps, platform, show }: Props) {
  const t = useBuildText();
  const now = useNow(!isOver(build));
  const mine = platform ? steps.filter((s) => s.platforms.includes(platform)) : steps;
  const spans = spansOf(mine, now);
  if (!spans.length) return <Nothing title={t("build.noSteps")} />;
  return (
    <div className="stack">
      <Totals spans={spans} steps={mine} />
      <Legend />
      <Picture build={build} spans={spans} platforms={platform ? [platform] : build.jobs.map((j) => j.platform)} now={now} show={show} />
      <Table steps={mine} show={show} />
    </div>
  );
}

function Totals({ spans, steps }: { spans: Span[]; steps: BuildStep[] }) {
  const t = useBuildText();
  const { language } = usePrefs();
  const sum = totalsOf(spans, steps);
  const items: Array<[string, string]> = [
    [t("build.total.real"), format.duration(language, sum.realMs)],
    [t("build.total.sum"), format.duration(language, sum.sumMs)],
    [t("build.total.cache"), t("build.total.of", { n: sum.cached, total: sum.steps })],
    [t("build.total.parallel"), sum.realMs ? `${(sum.sumMs / sum.realMs).toFixed(1)}×` : "–"],
  ];
  return <Facts className="totals" items={items} />;
}

function Legend() {
  const t = useBuildText();
  return (
    <ul className="legend">
      {(["done", "failed", "running", "cached", "wait", "critical"] as const).map((kind) => (
        <li key={kind}>
          <svg width="22" height="12" aria-hidden="true">
            <Hatch />
            {kind === "wait" ? <line className="tl-wait" x1="0" x2="22" y1="6" y2="6" /> : <rect className={`tl-bar tl-${kind}`} x="1" y="1" width="20" height="10" rx="2" />}
          </svg>
          {t(`build.legend.${kind}`)}
        </li>
      ))}
    </ul>
  );
}

function Hatch() {
  return (
    <defs>
      <pattern id="tl-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect className="tl-hatch-ground" width="5" height="5" />
        <line className="tl-hatch-line" x1="1" x2="1" y1="0" y2="5" />
      </pattern>
    </defs>
  );
}

interface PictureProps {
  build: Build;
  spans: Span[];
  platforms: string[];
  now: number;
  show: (step: number) => void;
}

function Picture({ build, spans, platforms, now, show }: PictureProps) {
  const t = useBuildText();
  const { language } = usePrefs();
  const [ref, width] = useWidth();
  const queued = Date.parse(build.createdAt);
  const first = Math.min(queued, ...spans.map((s) => s.start));
  const last = Math.max(build.endedAt ? Date.parse(build.endedAt) : isOver(build) ? 0 : now, ...spans.map((s) => s.end));
  const label = width < 700 ? NARROW : LABEL;
  const room = Math.max(80, width - label - 60);
  const x = (ms: number) => label + ((ms - first) / Math.max(1, last - first)) * room;
  const path = criticalPath(spans);
  const lanes = lanesOf(spans, platforms);
  const height = AXIS + ROW + lanes.reduce((sum, lane) => sum + HEAD + lane.rows.length * ROW, 0);
  let y = AXIS;
  return (
    <div ref={ref} className="timeline">
      {width ? (
        <svg width={width} height={height} role="group" aria-label={t("build.view.timeline")}>
          <Hatch />
          {ticksOf(last - first, Math.max(2, Math.floor(room / 90))).map((ms) => (
            <g key={ms}>
              <line className="tl-grid" x1={x(first + ms)} x2={x(first + ms)} y1={AXIS} y2={height} />
              <text className="tl-axis" x={x(first + ms)} y={16} textAnchor="middle">
                {format.duration(language, ms)}
              </text>
            </g>
          ))}
          <Queue y={y} x={x} from={queued} to={Math.min(...spans.map((s) => s.start))} label={label} />
          {lanes.map((lane) => {
            const at = y + ROW;
            y += HEAD + lane.rows.length * ROW;
            return <LaneRows key={lane.platform ?? ""} lane={lane} y={at} x={x} width={width} label={label} path={path} show={show} />;
          })}
        </svg>
      ) : null}
    </div>
  );
}

function Queue({ y, x, from, to, label }: { y: number; x: (ms: number) => number; from: number; to: number; label: number }) {
  const t = useBuildText();
  const { language } = usePrefs();
  if (to <= from) return null;
  return (
    <g>
      <text className="tl-label" x="0" y={y + 17}>
        {clip(t("build.inQueue"), label)}
      </text>
      <line className="tl-wait" x1={x(from)} x2={x(to)} y1={y + 13} y2={y + 13} />
      <text className="tl-time" x={x(to) + 6} y={y + 17}>
        {format.duration(language, to - from)}
      </text>
    </g>
  );
}

interface LaneProps {
  lane: Lane;
  y: number;
  x: (ms: number) => number;
  width: number;
  label: number;
  path: Set<number>;
  show: (step: number) => void;
}

function LaneRows({ lane, y, x, width, label, path, show }: LaneProps) {
  const t = useBuildText();
  return (
    <g>
      <line className="tl-lane" x1="0" x2={width} y1={y} y2={y} />
      <text className="tl-platform" x="0" y={y + 19}>
        {lane.platform ?? t("build.sharedSteps")}
      </text>
      {lane.rows.map((span, i) => (
        <Bar key={span.step.step} span={span} before={lane.rows[i - 1]} y={y + HEAD + i * ROW} x={x} label={label} critical={path.has(span.step.step)} show={show} />
      ))}
    </g>
  );
}

interface BarProps {
  span: Span;
  before: Span | undefined;
  y: number;
  x: (ms: number) => number;
  label: number;
  critical: boolean;
  show: (step: number) => void;
}

function Bar({ span, before, y, x, label, critical, show }: BarProps) {
  const t = useBuildText();
  const c = useCommon();
  const { language } = usePrefs();
  const { step, start, end } = span;
  const width = Math.max(step.state === "cached" ? 5 : 3, x(end) - x(start));
  const words = [
    `#${step.step} ${step.text}`,
    step.platforms.map(shortPlatform).join(", "),
    `${c(`common.state.${step.state}`)} · ${format.duration(language, end - start)}`,
    step.cacheReason ? reasonText(t, step.cacheReason) : "",
    critical ? t("build.legend.critical") : "",
  ].filter(Boolean);
  const go = () => show(step.step);
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button
    <g
      className="tl-step"
      role="button"
      tabIndex={0}
      onClick={go}
      onKeyDown={(e) => {
        if (e.key !== "Enter" && e.key !== " ") return;
        e.preventDefault();
        go();
      }}
    >
      <title>{words.join("\n")}</title>
      <rect className="tl-hover" x="0" y={y} width={x(end) + 60} height={ROW} />
      <text className="tl-label" x="12" y={y + 17}>
        {clip(`#${step.step} ${step.text}`, label - 20)}
      </text>
      {before && start > before.end ? <line className="tl-wait" x1={x(before.end)} x2={x(start)} y1={y + 13} y2={y + 13} /> : null}
      <rect className={`tl-bar tl-${step.state}${critical ? " tl-critical" : ""}`} x={x(start)} y={y + 5} width={width} height={16} rx="2" />
      <text className="tl-time" x={x(start) + width + 6} y={y + 17}>
        {step.state === "cached" ? "" : format.duration(language, end - start)}
      </text>
    </g>
  );
}

/** As much of the text as fits into that many pixels. */
function clip(text: string, pixels: number): string {
  const most = Math.floor(pixels / 7);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function Table({ steps, show }: { steps: BuildStep[]; show: (step: number) => void }) {
  const t = useBuildText();
  return (
    <details>
      <summary>{t("build.asTable")}</summary>
      <KeyTable caption={t("build.asTable")} columns={["step", "instruction", "platforms", "state", "time", "cache"]}>
        {steps.map((s) => (
          <tr key={s.step}>
            <td>
              <button type="button" className="link" onClick={() => show(s.step)}>
                #{s.step}
              </button>
            </td>
            <td>
              <code>{s.text}</code>
            </td>
            <td>{s.platforms.map(shortPlatform).join(", ")}</td>
            <td>
              <StatePill state={s.state} />
            </td>
            <td>
              <Duration from={s.startedAt} to={s.endedAt} />
            </td>
            <td>{s.cacheReason ? reasonText(t, s.cacheReason) : "–"}</td>
          </tr>
        ))}
      </KeyTable>
    </details>
  );
}
