// The queue: what waits, in which order, and for what.
import { Alert } from "antd";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Build, Platform, Worker } from "../../api";
import { useMayBuild, useQueue } from "../../queries-builds";
import { useWorkers } from "../../queries";
import { useMe } from "../../session";
import { BuildLink, Platforms } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { BuildActions, useRefColumn } from "../building/table";
import { inTurn, lackingOf, waitingOf } from "./order";
import { useText } from "./text";

/** Nobody reads further, and every row is work for the browser. */
const SHOWN = 200;

/** The platforms of these builds that nobody can run now, each once. */
function allLacking(builds: Build[], workers: Worker[]): Platform[] {
  return [...new Set(builds.flatMap((build) => lackingOf(build, workers)))];
}

function Why({ build, lacking }: { build: Build; lacking: Platform[] }): ReactNode {
  const t = useText();
  const platforms = lacking.join(", ");
  if (build.waitsFor && build.queuePosition === null) {
    return (
      <>
        {t("builds.forOther")}
        <p>
          <BuildLink repository={build.repository} id={build.waitsFor} />
        </p>
      </>
    );
  }
  if (lacking.length > 0) return build.pool ? t("builds.forNoneInPool", { platforms, pool: build.pool }) : t("builds.forNone", { platforms });
  return t(build.status === "PENDING" ? "builds.forWorker" : "builds.forRest");
}

function NoWorker({ platforms }: { platforms: Platform[] }) {
  const t = useText();
  if (platforms.length === 0) return null;
  return (
    <Alert
      type="warning"
      showIcon
      title={t("builds.noWorker", { platforms: platforms.join(", ") })}
      description={t("builds.noWorkerText")}
      action={<Link to="/workers">{t("builds.toWorkers")}</Link>}
    />
  );
}

function Waiting({ builds, workers }: { builds: Build[]; workers: Worker[] | undefined }) {
  const t = useText();
  const mayBuild = useMayBuild(builds.map((build) => build.repository));
  const ref = useRefColumn({ withRepository: true });
  const columns: Column<Build>[] = [
    { title: t("builds.place"), narrow: true, render: (build) => build.queuePosition ?? "–" },
    { title: t("builds.why"), render: (build) => <Why build={build} lacking={workers ? lackingOf(build, workers) : []} /> },
    ref,
    { title: t("builds.waitingPlatforms"), render: (build) => <Platforms platforms={waitingOf(build)} /> },
    { title: t("builds.priority"), narrow: true, render: (build) => build.priority },
    { title: t("builds.since"), narrow: true, render: (build) => <Time at={build.createdAt} /> },
    { title: t("builds.actions"), narrow: true, render: (build) => <BuildActions build={build} may={mayBuild(build.repository)} /> },
  ];
  return <Table caption={t("builds.queue")} columns={columns} rows={builds} rowKey={(build) => build.id} />;
}

export function Queue() {
  const t = useText();
  const workers = useWorkers(useMe()?.admin === true).data;
  const query = useQueue();
  return (
    <Section title={t("builds.queue")}>
      <p className="hint">{t("builds.queueText")}</p>
      <Shown query={query}>
        {({ items, more }) => {
          const builds = inTurn(items);
          if (builds.length === 0) return <Nothing title={t("builds.queueEmpty")} />;
          return (
            <div className="stack">
              {workers ? <NoWorker platforms={allLacking(builds, workers)} /> : null}
              {more ? <p className="quiet">{t("builds.queueCut")}</p> : null}
              <Waiting builds={builds.slice(0, SHOWN)} workers={workers} />
              {builds.length > SHOWN ? <p className="quiet">{t("builds.queueRest", { n: builds.length - SHOWN })}</p> : null}
            </div>
          );
        }}
      </Shown>
    </Section>
  );
}
