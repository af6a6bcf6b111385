// Waits, steps, rules and what is stored, each a table.
import { Link } from "react-router";
import type { Insights, InsightsQueue, InsightsRule, InsightsStep } from "../../api";
import * as format from "../../i18n/format";
import { locale } from "../../i18n/text";
import { usePrefs } from "../../prefs";
import { Ref } from "../../ui/domain";
import { Facts } from "../../ui/page";
import { type Column, Table } from "../../ui/table";
import { Size } from "../../ui/values";
import { repositoryUrl } from "../../urls";
import { useText } from "./text";

export function useFormats() {
  const { language } = usePrefs();
  return {
    number: (n: number) => <span className="number">{format.number(language, n)}</span>,
    time: (ms: number) => <span className="number">{format.duration(language, ms)}</span>,
  };
}

function Repository({ name }: { name: string }) {
  return <Link to={repositoryUrl(name, "insights")}>{name}</Link>;
}

/** A column that is there only where the rows are of several repositories. */
function ofRepository<T extends { repository: string }>(title: string, wanted: boolean): Column<T>[] {
  return wanted ? [{ title, render: (row) => <Repository name={row.repository} /> }] : [];
}

export function Waits({ rows }: { rows: InsightsQueue[] }) {
  const t = useText();
  const { number, time } = useFormats();
  if (!rows.length) return <p className="hint">{t("insights.noWaits")}</p>;
  return (
    <>
      <p className="hint">{t("insights.waitsHint")}</p>
      <Table
        caption={t("insights.waits")}
        rows={rows}
        rowKey={(row) => row.platform}
        columns={[
          { title: t("insights.platform"), render: (row) => <span className="chip">{row.platform}</span> },
          { title: t("insights.jobs"), narrow: true, render: (row) => number(row.wait.count) },
          { title: t("insights.line.median"), narrow: true, render: (row) => time(row.wait.medianMs) },
          { title: t("insights.longestWait"), narrow: true, render: (row) => time(row.wait.p95Ms) },
        ]}
      />
    </>
  );
}

export function Steps({ rows, withRepository }: { rows: InsightsStep[]; withRepository: boolean }) {
  const t = useText();
  const { number, time } = useFormats();
  if (!rows.length) return <p className="hint">{t("insights.noSteps")}</p>;
  return (
    <Table
      caption={t("insights.steps")}
      rows={rows}
      // Two steps of a repository may have one text, for different architectures.
      rowKey={(row) => String(rows.indexOf(row))}
      columns={[
        {
          title: t("insights.step"),
          render: (row) => (
            <code className="in-step" title={row.text}>
              {row.text}
            </code>
          ),
        },
        ...ofRepository<InsightsStep>(t("insights.repository"), withRepository),
        { title: t("insights.total"), narrow: true, render: (row) => time(row.totalMs) },
        { title: t("insights.mean"), narrow: true, render: (row) => time(row.meanMs) },
        { title: t("insights.longest"), narrow: true, render: (row) => time(row.longestMs) },
        { title: t("insights.ran"), narrow: true, render: (row) => number(row.ran) },
        { title: t("insights.fromCache"), narrow: true, render: (row) => number(row.cached) },
      ]}
    />
  );
}

function RuleName({ rule }: { rule: InsightsRule }) {
  const t = useText();
  return (
    <Link to={`/builds?rule=${encodeURIComponent(rule.id)}&status=FAILED`} title={t("insights.open", { what: rule.pattern })}>
      <Ref name={`refs/${rule.refType === "GIT_TAG" ? "tags" : "heads"}/${rule.pattern}`} />
    </Link>
  );
}

export function Rules({ rows, withRepository }: { rows: InsightsRule[]; withRepository: boolean }) {
  const t = useText();
  const { number } = useFormats();
  if (!rows.length) return <p className="hint">{t("insights.noRules")}</p>;
  return (
    <>
      <p className="hint">{t("insights.rulesHint")}</p>
      <Table
        caption={t("insights.rules")}
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          { title: t("insights.rule"), render: (row) => <RuleName rule={row} /> },
          ...ofRepository<InsightsRule>(t("insights.repository"), withRepository),
          { title: t("insights.failedBuilds"), narrow: true, render: (row) => number(row.failed) },
          { title: t("insights.succeededBuilds"), narrow: true, render: (row) => number(row.succeeded) },
          { title: t("insights.flips"), narrow: true, render: (row) => number(row.flips) },
        ]}
      />
    </>
  );
}

export function Storage({ storage, all }: { storage: Insights["storage"]; all: boolean }) {
  const t = useText();
  const { language } = usePrefs();
  const { number } = useFormats();
  if (!storage.repositories.length) return <p className="hint">{t("insights.noStorage")}</p>;
  const factor = new Intl.NumberFormat(locale(language), { maximumFractionDigits: 1 }).format(storage.bytes / Math.max(1, storage.onceBytes));
  return (
    <>
      {all ? (
        <Facts
          className="in-facts"
          items={[
            [t("insights.held"), <Size key="h" bytes={storage.bytes} />],
            [t("insights.once"), <Size key="o" bytes={storage.onceBytes} />],
            [t("insights.factor"), t("insights.times", { n: factor })],
          ]}
        />
      ) : null}
      <p className="hint in-hint">{t("insights.storageHint")}</p>
      <Table
        caption={t("insights.storage")}
        rows={storage.repositories}
        rowKey={(row) => row.repository}
        columns={[
          { title: t("insights.repository"), render: (row) => <Repository name={row.repository} /> },
          { title: t("insights.blobs"), narrow: true, render: (row) => number(row.blobs) },
          { title: t("insights.size"), narrow: true, render: (row) => <Size bytes={row.bytes} /> },
        ]}
      />
    </>
  );
}
