// The build among those of its rule before it: how long they took, what was cached, how much they made; and one step through all of them.
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Build, BuildHistoryItem, BuildStep } from "../../api";
import * as format from "../../i18n/format";
import { locale } from "../../i18n/text";
import { usePrefs } from "../../prefs";
import { useBuildHistory } from "../../queries-builds";
import { buildUrl } from "../../urls";
import { sizeTicks, timeTicks } from "../../ui/axis";
import { Chart } from "../../ui/chart";
import { useParam } from "../../ui/cursor";
import { Ref } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { Commit, Size, StatePill, Time } from "../../ui/values";
import { KeyTable } from "./KeyTable";
import { reasonText } from "./LogTab";
import { cachedShare, shortPlatform } from "./model";
import { useBuildText } from "./text";

interface HistoryProps {
  build: Build;
  steps: BuildStep[];
  repository: string;
}

export function History({ build, steps, repository }: HistoryProps) {
  const t = useBuildText();
  return (
    <>
      <Section title={t("build.past")}>
        <p className="hint">{t(build.ruleId ? "build.pastHint" : "build.pastNoRule")}</p>
        <Shown query={useBuildHistory(build)} rows={8}>
          {(builds) => <Builds builds={builds} build={build} repository={repository} />}
        </Shown>
      </Section>
      {steps.length ? (
        <Section title={t("build.pastStep")}>
          <OneStep build={build} steps={steps} repository={repository} />
        </Section>
      ) : null}
    </>
  );
}

/* ---- charts ---- */

type Look = "ran" | "failed" | "other";

const LOOK_OF: Record<BuildHistoryItem["status"] | BuildStep["state"], Look> = {
  SUCCESS: "ran",
  FAILED: "failed",
  CANCELED: "other",
  PENDING: "other",
  BUILDING: "other",
  done: "ran",
  failed: "failed",
  cached: "other",
  waiting: "other",
  running: "other",
  canceled: "other",
};

/** A dot, a square, a ring: they differ without their colour. */
function Mark({ look, x, y, words }: { look: Look; x: number; y: number; words?: string }) {
  const title = words ? <title>{words}</title> : null;
  if (look === "failed") {
    return (
      <rect className="past-mark past-failed" x={x - 4} y={y - 4} width="8" height="8">
        {title}
      </rect>
    );
  }
  return (
    <circle className={`past-mark past-${look}`} cx={x} cy={y} r="4">
      {title}
    </circle>
  );
}

function Legend({ texts }: { texts: Record<Look, string> }) {
  return (
    <ul className="chart-legend">
      {(Object.keys(texts) as Look[]).map((look) => (
        <li key={look}>
          <svg width="14" height="12" aria-hidden="true">
            <Mark look={look} x={7} y={6} />
          </svg>
          {texts[look]}
        </li>
      ))}
    </ul>
  );
}

interface Point {
  look: Look;
  value: number | null;
}

interface TrendProps {
  title: string;
  builds: BuildHistoryItem[];
  pointOf: (build: BuildHistoryItem) => Point;
  ticksOf: (most: number) => number[];
  text: (value: number) => string;
  small?: boolean;
}

/** From the oldest on the left to the newest. */
function Trend({ title, builds, pointOf, ticksOf, text, small }: TrendProps) {
  const t = useBuildText();
  const places = builds.toReversed().map((build, i) => ({ name: build.commit.slice(0, 7), i, ...pointOf(build) }));
  const there = places.flatMap(({ value, ...rest }) => (value === null ? [] : [{ value, ...rest }]));
  return (
    <Chart small={small} label={title} names={places.map(({ name }) => name)} ticks={ticksOf(Math.max(0, ...there.map(({ value }) => value)))} tickText={text}>
      {({ x, y }) => (
        <>
          <polyline className="past-line" points={there.map(({ i, value }) => `${x(i)},${y(value)}`).join(" ")} />
          {there.map(({ i, name, look, value }) => (
            <Mark key={i} look={look} x={x(i)} y={y(value)} words={t("build.point", { name, value: text(value) })} />
          ))}
        </>
      )}
    </Chart>
  );
}

function Figure({ title, children }: { title: string; children: ReactNode }) {
  return (
    <figure className="past-figure">
      <figcaption>{title}</figcaption>
      {children}
    </figure>
  );
}

const QUARTERS = [0, 0.25, 0.5, 0.75, 1];

/* ---- builds ---- */

function useTexts() {
  const { language } = usePrefs();
  const percents = new Intl.NumberFormat(locale(language), { style: "percent", maximumFractionDigits: 0 });
  return {
    time: (ms: number) => format.duration(language, ms),
    size: (bytes: number) => format.size(language, bytes),
    share: (part: number) => percents.format(part),
  };
}

function Trends({ builds }: { builds: BuildHistoryItem[] }) {
  const t = useBuildText();
  const texts = useTexts();
  const lookOf = (one: BuildHistoryItem) => LOOK_OF[one.status];
  return (
    <>
      <Legend texts={{ ran: t("build.past.SUCCESS"), failed: t("build.past.FAILED"), other: t("build.past.other") }} />
      <div className="past-figures">
        <Figure title={t("build.column.time")}>
          <Trend small title={t("build.column.time")} builds={builds} pointOf={(b) => ({ look: lookOf(b), value: b.tookMs })} ticksOf={timeTicks} text={texts.time} />
        </Figure>
        <Figure title={t("build.total.cache")}>
          <Trend small title={t("build.total.cache")} builds={builds} pointOf={(b) => ({ look: lookOf(b), value: cachedShare(b) })} ticksOf={() => QUARTERS} text={texts.share} />
        </Figure>
        <Figure title={t("build.column.layers")}>
          <Trend small title={t("build.column.layers")} builds={builds} pointOf={(b) => ({ look: lookOf(b), value: b.layerBytes || null })} ticksOf={sizeTicks} text={texts.size} />
        </Figure>
      </div>
    </>
  );
}

function Builds({ builds, build, repository }: { builds: BuildHistoryItem[]; build: Build; repository: string }) {
  const t = useBuildText();
  const texts = useTexts();
  return (
    <>
      {builds.length > 1 ? <Trends builds={builds} /> : null}
      <KeyTable caption={t("build.past")} columns={["build", "state", "ref", "commit", "created", "time", "cache", "layers"]}>
        {builds.map((one) => (
          <tr key={one.id}>
            <Which one={one} build={build} repository={repository} />
            <td>
              <StatePill state={one.status} />
            </td>
            <td>
              <Ref name={one.ref} />
            </td>
            <td>
              <Commit id={one.commit} />
            </td>
            <td>
              <Time at={one.createdAt} />
            </td>
            <td>{one.tookMs === null ? "–" : texts.time(one.tookMs)}</td>
            <td>{one.steps ? t("build.total.of", { n: one.cachedSteps, total: one.steps }) : "–"}</td>
            <td>{one.layerBytes ? <Size bytes={one.layerBytes} /> : "–"}</td>
          </tr>
        ))}
      </KeyTable>
    </>
  );
}

function Which({ one, build, repository }: { one: BuildHistoryItem; build: Build; repository: string }) {
  const t = useBuildText();
  return <td>{one.id === build.id ? t("build.this") : <Link to={`${buildUrl(repository, one.id)}?view=history`}>{one.id.slice(0, 8)}</Link>}</td>;
}

/* ---- one step ---- */

/** The one that is asked for, or the one that took longest. */
function chosenOf(steps: BuildStep[], asked: string): number | undefined {
  const longest = steps.toSorted((a, b) => (b.tookMs ?? 0) - (a.tookMs ?? 0))[0];
  return (steps.find((s) => String(s.step) === asked) ?? longest)?.step;
}

function OneStep({ build, steps, repository }: HistoryProps) {
  const t = useBuildText();
  const [asked, ask] = useParam("step");
  const chosen = chosenOf(steps, asked);
  return (
    <>
      {/* The browser's own: Ant Design's is as large as a third of this page. */}
      <select className="past-choice" aria-label={t("build.chooseStep")} value={chosen} onChange={(event) => ask(event.target.value)}>
        {steps.map((s) => (
          <option key={s.step} value={s.step}>
            {`${s.text} · ${s.platforms.map(shortPlatform).join(", ")}`}
          </option>
        ))}
      </select>
      <Shown query={useBuildHistory(build, chosen)} rows={4}>
        {(builds) => <StepOf builds={builds} build={build} repository={repository} />}
      </Shown>
    </>
  );
}

function StepTrend({ builds }: { builds: BuildHistoryItem[] }) {
  const t = useBuildText();
  const texts = useTexts();
  return (
    <>
      <Legend texts={{ ran: t("build.legend.done"), failed: t("build.legend.failed"), other: t("build.past.cachedOrNot") }} />
      <Trend
        title={t("build.pastStep")}
        builds={builds}
        pointOf={({ step }) => ({ look: step ? LOOK_OF[step.state] : "other", value: step?.tookMs ?? null })}
        ticksOf={timeTicks}
        text={texts.time}
      />
    </>
  );
}

function StepOf({ builds, build, repository }: { builds: BuildHistoryItem[]; build: Build; repository: string }) {
  const t = useBuildText();
  const texts = useTexts();
  const there = builds.flatMap(({ step, ...one }) => (step ? [{ ...one, step }] : []));
  return (
    <>
      {there.length > 1 ? <StepTrend builds={builds} /> : null}
      <KeyTable caption={t("build.pastStep")} columns={["build", "state", "time", "size", "reason"]}>
        {there.map((one) => (
          <tr key={one.id}>
            <Which one={one} build={build} repository={repository} />
            <td>
              <StatePill state={one.step.state} />
            </td>
            <td>{one.step.tookMs === null ? "–" : texts.time(one.step.tookMs)}</td>
            <td>
              <Size bytes={one.step.size} />
            </td>
            <td>{one.step.cacheReason ? reasonText(t, one.step.cacheReason) : "–"}</td>
          </tr>
        ))}
      </KeyTable>
    </>
  );
}
