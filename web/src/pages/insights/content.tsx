// The parts of the page, of one repository or of all.
import { DownloadOutlined } from "@ant-design/icons";
import { Button, Segmented } from "antd";
import type { ReactNode } from "react";
import type { Insights, InsightsCaching } from "../../api";
import * as format from "../../i18n/format";
import { locale } from "../../i18n/text";
import { usePrefs } from "../../prefs";
import { useInsights } from "../../queries-builds";
import { useParam } from "../../ui/cursor";
import { download } from "../../ui/download";
import { Facts, Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { BuildsByDay, DurationByDay } from "./charts";
import "./insights.css";
import { Rules, Steps, Storage, Waits } from "./lists";
import { CHOICES, daysOf, type FileName, FILES, shareOf, totalOf } from "./model";
import { useText } from "./text";

const percent = (language: "en" | "zh", share: number | null) =>
  share === null ? "–" : new Intl.NumberFormat(locale(language), { style: "percent", maximumFractionDigits: 1 }).format(share);

function Summary({ data }: { data: Insights }) {
  const t = useText();
  const { language } = usePrefs();
  const { builds, duration, caching, sample } = data;
  const time = (ms: number | null | undefined) => (ms === null || ms === undefined ? "–" : format.duration(language, ms));
  return (
    <Section title={t("insights.summary")}>
      <Facts
        className="in-facts"
        items={[
          [t("insights.builds"), format.number(language, totalOf(builds))],
          [t("insights.rate"), percent(language, shareOf(builds.SUCCESS, builds.FAILED))],
          [t("insights.median"), time(duration?.medianMs)],
          [t("insights.p95"), time(duration?.p95Ms)],
          [t("insights.cached"), percent(language, shareOf(caching.cached, caching.ran))],
          [t("insights.saved"), caching.savedMs === null ? "–" : t("insights.about", { time: time(caching.savedMs) })],
        ]}
      />
      <p className="hint in-hint">{t("insights.rateHint")}</p>
      {caching.savedMs === null ? null : <Saved caching={caching} />}
      {sample.since ? <p className="hint">{t("insights.sampleCache", { n: sample.builds })}</p> : null}
    </Section>
  );
}

/** What the estimate is made of, and what it leaves out. */
function Saved({ caching }: { caching: InsightsCaching }) {
  const t = useText();
  const rest = caching.cached - caching.savedSteps;
  return (
    <p className="hint">
      {t("insights.savedHint", { n: caching.savedSteps })} {rest ? t("insights.savedRest", { n: rest }) : null}
    </p>
  );
}

/** Steps, waits and rules are not those of all builds, where there are many. */
function Sample({ data: { sample } }: { data: Insights }) {
  const t = useText();
  const { language } = usePrefs();
  if (!sample.since) return null;
  return <p className="hint">{t("insights.sample", { n: sample.builds, time: format.absoluteTime(language, Date.parse(sample.since)) })}</p>;
}

interface PartProps {
  data: Insights;
  name: FileName;
  title: string;
  sampled?: boolean;
  children: ReactNode;
}

/** A section whose numbers are a file too. */
function Part({ data, name, title, sampled, children }: PartProps) {
  const t = useText();
  const save = () => download(`kiln-insights-${name}-${data.to.slice(0, 10)}.csv`, "text/csv", FILES[name](data));
  return (
    <Section
      title={title}
      actions={
        <Button icon={<DownloadOutlined aria-hidden />} aria-label={t("insights.csvOf", { what: title })} onClick={save}>
          {t("insights.csv")}
        </Button>
      }
    >
      {sampled ? <Sample data={data} /> : null}
      {children}
    </Section>
  );
}

function None() {
  const t = useText();
  return (
    <Section title={t("insights.summary")}>
      <Nothing title={t("insights.none")}>
        <p>{t("insights.noneText")}</p>
      </Nothing>
    </Section>
  );
}

function Builds({ data }: { data: Insights }) {
  const t = useText();
  return (
    <>
      <Summary data={data} />
      <Part data={data} name="days" title={t("insights.byDay")}>
        <BuildsByDay days={data.days} />
      </Part>
      <Section title={t("insights.durations")}>
        <DurationByDay days={data.days} />
      </Section>
      <Part data={data} name="waits" title={t("insights.waits")} sampled>
        <Waits rows={data.queue} />
      </Part>
      <Part data={data} name="steps" title={t("insights.steps")} sampled>
        <Steps rows={data.steps} withRepository={!data.repository} />
      </Part>
      <Part data={data} name="rules" title={t("insights.rules")} sampled>
        <Rules rows={data.rules} withRepository={!data.repository} />
      </Part>
    </>
  );
}

export function Content({ repository }: { repository?: string }) {
  const t = useText();
  const [asked, ask] = useParam("days", "30");
  const days = daysOf(asked);
  return (
    <>
      <div className="toolbar">
        <Segmented
          aria-label={t("insights.days")}
          options={CHOICES.map((n) => ({ value: n, label: t("insights.lastDays", { n }) }))}
          value={days}
          onChange={(n) => ask(String(n))}
        />
      </div>
      <Shown query={useInsights(days, repository)} rows={12}>
        {(data) => (
          <>
            {totalOf(data.builds) ? <Builds data={data} /> : <None />}
            <Part data={data} name="storage" title={t("insights.storage")}>
              <Storage storage={data.storage} all={!data.repository} />
            </Part>
          </>
        )}
      </Shown>
    </>
  );
}
