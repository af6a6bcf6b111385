// Charts over days, drawn by hand: bars of what the builds came to, lines of how long they took. Each is a table too.
import type { InsightsDay } from "../../api";
import * as format from "../../i18n/format";
import { locale } from "../../i18n/text";
import { usePrefs } from "../../prefs";
import { countTicks, timeTicks } from "../../ui/axis";
import { Chart } from "../../ui/chart";
import { type Column, Table } from "../../ui/table";
import { useFormats } from "./lists";
import { type Kind, KINDS, partsOf, totalOf } from "./model";
import { useText } from "./text";

const WIDEST = 44;

/** 27 Nov, of a day of UTC. */
function useDay() {
  const { language } = usePrefs();
  const names = new Intl.DateTimeFormat(locale(language), { month: "short", day: "numeric", timeZone: "UTC" });
  return (day: string) => names.format(Date.parse(day));
}

function Patterns() {
  return (
    <defs>
      <pattern id="in-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect className="in-bad-ground" width="6" height="6" />
        <line className="in-hatch-line" x1="1.5" x2="1.5" y1="0" y2="6" />
      </pattern>
      <pattern id="in-dots" width="5" height="5" patternUnits="userSpaceOnUse">
        <rect className="in-off-ground" width="5" height="5" />
        <circle className="in-dot" cx="2.5" cy="2.5" r="1.3" />
      </pattern>
    </defs>
  );
}

function AsTable({ caption, days, columns }: { caption: string; days: InsightsDay[]; columns: Column<InsightsDay>[] }) {
  const t = useText();
  const dayName = useDay();
  const first: Column<InsightsDay> = { title: t("insights.day"), render: ({ day }) => <time dateTime={day}>{dayName(day)}</time> };
  return (
    <details className="in-table">
      <summary>{t("insights.asTable")}</summary>
      <Table caption={caption} rows={days} rowKey={({ day }) => day} columns={[first, ...columns]} />
    </details>
  );
}

/* ---- builds ---- */

function Bar({ day, x, y, width }: { day: InsightsDay; x: number; y: (n: number) => number; width: number }) {
  const t = useText();
  const dayName = useDay();
  const parts = partsOf(day.builds);
  const there = KINDS.filter((kind) => parts[kind]);
  const what = there.map((kind) => `${t(`insights.kind.${kind}`)} ${parts[kind]}`).join(", ");
  let below = 0;
  return (
    <g>
      <title>{t("insights.ofDay", { day: dayName(day.day), what })}</title>
      {there.map((kind) => {
        const from = below;
        below += parts[kind];
        return <rect key={kind} className={`in-bar in-${kind}`} x={x - width / 2} y={y(below)} width={width} height={Math.max(1, y(from) - y(below))} />;
      })}
    </g>
  );
}

export function BuildsByDay({ days }: { days: InsightsDay[] }) {
  const t = useText();
  const { language } = usePrefs();
  const { number } = useFormats();
  const dayName = useDay();
  const title = t("insights.byDay");
  const ticks = countTicks(Math.max(...days.map(({ builds }) => totalOf(builds))));
  const column = (kind: Kind) => ({ title: t(`insights.kind.${kind}`), narrow: true, render: ({ builds }: InsightsDay) => number(partsOf(builds)[kind]) });
  return (
    <>
      <ul className="chart-legend">
        {KINDS.map((kind) => (
          <li key={kind}>
            <svg width="22" height="12" aria-hidden="true">
              <rect className={`in-bar in-${kind}`} x="1" y="1" width="20" height="10" />
            </svg>
            {t(`insights.kind.${kind}`)}
          </li>
        ))}
      </ul>
      <Chart label={title} names={days.map(({ day }) => dayName(day))} ticks={ticks} tickText={(n) => format.number(language, n)}>
        {({ x, y, band }) => (
          <>
            <Patterns />
            {days.map((day, i) => (totalOf(day.builds) ? <Bar key={day.day} day={day} x={x(i)} y={y} width={Math.max(1, Math.min(WIDEST, band * 0.75))} /> : null))}
          </>
        )}
      </Chart>
      <AsTable caption={title} days={days} columns={KINDS.map(column)} />
    </>
  );
}

/* ---- durations ---- */

const LINES = ["p95", "median"] as const;
type Line = (typeof LINES)[number];

const valueOf = (day: InsightsDay, line: Line) => (line === "median" ? day.duration?.medianMs : day.duration?.p95Ms) ?? 0;

/** A dot or, on the other line, a square: they differ without their colour. */
function Mark({ line, x, y, words }: { line: Line; x: number; y: number; words?: string }) {
  const title = words ? <title>{words}</title> : null;
  if (line === "median") {
    return (
      <circle className="in-mark in-median" cx={x} cy={y} r="4">
        {title}
      </circle>
    );
  }
  return (
    <rect className="in-mark in-p95" x={x - 4} y={y - 4} width="8" height="8">
      {title}
    </rect>
  );
}

export function DurationByDay({ days }: { days: InsightsDay[] }) {
  const t = useText();
  const { language } = usePrefs();
  const { number, time } = useFormats();
  const dayName = useDay();
  const title = t("insights.durations");
  const there = days.map((day, i) => ({ day, i })).filter(({ day }) => day.duration);
  if (!there.length) return <p className="hint">{t("insights.noDurations")}</p>;
  const ticks = timeTicks(Math.max(...there.map(({ day }) => valueOf(day, "p95"))));
  const words = (day: InsightsDay, line: Line) =>
    t("insights.ofDay", { day: dayName(day.day), what: `${t(`insights.line.${line}`)} ${format.duration(language, valueOf(day, line))}` });
  const column = (line: Line) => ({ title: t(`insights.line.${line}`), narrow: true, render: (day: InsightsDay) => (day.duration ? time(valueOf(day, line)) : "–") });
  return (
    <>
      <ul className="chart-legend">
        {LINES.map((line) => (
          <li key={line}>
            <svg width="30" height="12" aria-hidden="true">
              <line className={`in-line in-${line}`} x1="0" x2="30" y1="6" y2="6" />
              <Mark line={line} x={15} y={6} />
            </svg>
            {t(`insights.line.${line}`)}
          </li>
        ))}
      </ul>
      <Chart label={title} names={days.map(({ day }) => dayName(day))} ticks={ticks} tickText={(ms) => format.duration(language, ms)}>
        {({ x, y }) =>
          LINES.map((line) => (
            <g key={line}>
              <polyline className={`in-line in-${line}`} points={there.map(({ day, i }) => `${x(i)},${y(valueOf(day, line))}`).join(" ")} />
              {there.map(({ day, i }) => (
                <Mark key={day.day} line={line} x={x(i)} y={y(valueOf(day, line))} words={words(day, line)} />
              ))}
            </g>
          ))
        }
      </Chart>
      <AsTable
        caption={title}
        days={days}
        columns={[
          { title: t("insights.measured"), narrow: true, render: ({ duration }) => number(duration?.count ?? 0) },
          column("median"),
          column("p95"),
        ]}
      />
    </>
  );
}
