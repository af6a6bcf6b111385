// Home: what needs attention, what runs, what happened last.
import { CheckCircleOutlined, WarningOutlined } from "@ant-design/icons";
import { Button } from "antd";
import type { ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import type { Build } from "../../api";
import { storageChecks } from "../../health";
import en from "../../i18n/home.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/home.zh.json";
import type { Ask } from "../../lazy";
import { buildsQuery, isLive, repositoriesQuery, useBuilds, useInstance, useRepositories, useSources, useWorkers } from "../../queries";
import { useMe } from "../../session";
import { Ref, useBuildSentence } from "../../ui/domain";
import { Page, Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { useMayMake } from "../../ui/roles";
import { type Column, Table } from "../../ui/table";
import { Commit, Duration, StatePill, Time } from "../../ui/values";
import { buildUrl, repositoryUrl } from "../../urls";
import { newestOfEach } from "./attention";

const useText = textOf(en, zh);
const LOOKED_AT = 100;
const FEW = 10;

interface Trouble {
  key: string;
  what: ReactNode;
  remedy: ReactNode;
}

function useTroubles(builds: Build[]): Trouble[] {
  const t = useText();
  const sentence = useBuildSentence();
  const sources = useSources().data ?? [];
  const workers = useWorkers().data ?? [];
  const instance = useInstance(Boolean(useMe()?.admin)).data;
  const low = instance ? storageChecks(instance).filter((check) => check.state !== "good") : [];
  const failed = newestOfEach(builds).filter((build) => build.status === "FAILED");
  return [
    ...failed.map((build) => ({
      key: build.id,
      what: (
        <>
          {t("home.buildFailed", { name: build.repository })} <Ref name={build.ref} />
          <p className="quiet">{sentence(build)}</p>
        </>
      ),
      remedy: <Link to={buildUrl(build.repository, build.id)}>{t("home.seeLog")}</Link>,
    })),
    ...sources
      .filter((source) => source.lastError)
      .map((source) => ({
        key: source.id,
        what: (
          <>
            {t("home.sourceFailed", { name: `${source.namespace}/${source.name}` })}
            <p className="quiet">{source.lastError}</p>
          </>
        ),
        remedy: null,
      })),
    ...workers
      .filter((worker) => !worker.online)
      .map((worker) => ({
        key: worker.id,
        what: (
          <>
            {t("home.workerOffline", { name: worker.name })} <Time at={worker.lastSeenAt} />
          </>
        ),
        remedy: <Link to="/instances">{t("home.seeWorkers")}</Link>,
      })),
    ...low.map((check) => ({
      key: check.key,
      what: t(check.state === "bad" ? "home.diskFull" : "home.diskLow"),
      remedy: <Link to="/settings">{t("home.seeDisk")}</Link>,
    })),
  ];
}

function NeedsAttention({ builds }: { builds: Build[] }) {
  const t = useText();
  const troubles = useTroubles(builds);
  return (
    <Section title={t("home.attention")}>
      {troubles.length === 0 ? (
        <p className="calm">
          <CheckCircleOutlined aria-hidden="true" /> {t("home.calm")}
        </p>
      ) : (
        <ul className="troubles">
          {troubles.map((trouble) => (
            <li key={trouble.key}>
              <WarningOutlined className="no" aria-hidden="true" />
              <div className="grow">{trouble.what}</div>
              {trouble.remedy}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function useColumns(): Column<Build>[] {
  const t = useText();
  const sentence = useBuildSentence();
  return [
    {
      title: t("home.state"),
      render: (build) => (
        <Link to={buildUrl(build.repository, build.id)} className="plain">
          <StatePill state={build.status} sentence={sentence(build)} />
        </Link>
      ),
    },
    { title: t("home.repository"), render: (build) => <Link to={repositoryUrl(build.repository, "build")}>{build.repository}</Link> },
    {
      title: t("home.ref"),
      render: (build) => (
        <>
          <Ref name={build.ref} /> <Commit id={build.commit} />
        </>
      ),
    },
    { title: t("home.started"), narrow: true, render: (build) => <Time at={build.startedAt ?? build.createdAt} /> },
    {
      title: t("home.took"),
      narrow: true,
      render: (build) => <Duration from={build.startedAt} to={isLive(build) ? null : (build.endedAt ?? build.startedAt)} />,
    },
  ];
}

function Started() {
  const t = useText();
  const admin = useMe()?.admin;
  const mayMake = useMayMake();
  const navigate = useNavigate();
  return (
    <Section title={t("home.first")}>
      <Nothing title={t(mayMake ? "home.firstTitle" : "home.noRoleTitle")}>
        <p>{t(mayMake ? "home.firstText" : "home.noRole")}</p>
        {mayMake ? (
          <div className="row centered">
            <Button type="primary" onClick={() => void navigate("/repositories/new")}>
              {t("home.create")}
            </Button>
            {admin ? <Button onClick={() => void navigate("/setup")}>{t("home.setup")}</Button> : null}
          </div>
        ) : null}
      </Nothing>
    </Section>
  );
}

function Overview({ builds }: { builds: Build[] }) {
  const t = useText();
  const columns = useColumns();
  const live = builds.filter(isLive);
  const ended = builds.filter((build) => !isLive(build)).slice(0, FEW);
  const list = (title: string, rows: Build[], none: string) => (
    <Section title={title}>
      {rows.length > 0 ? (
        <Table caption={title} columns={columns} rows={rows} rowKey={(build) => build.id} />
      ) : (
        <p className="quiet">{none}</p>
      )}
    </Section>
  );
  return (
    <>
      <NeedsAttention builds={builds} />
      {list(t("home.running"), live, t("home.nothingRuns"))}
      {list(t("home.last"), ended, t("home.nothingBuilt"))}
    </>
  );
}

const NEWEST = { limit: LOOKED_AT };
const ANY = { limit: 1 };

export const ask: Ask = (client) => [client.prefetchQuery(buildsQuery(NEWEST)), client.prefetchQuery(repositoriesQuery(ANY))];

export default function Home() {
  const t = useText();
  const builds = useBuilds(NEWEST);
  const repositories = useRepositories(ANY);
  return (
    <Page title={t("home.title")}>
      {repositories.data?.items.length === 0 ? <Started /> : null}
      <Shown query={builds}>{({ items }) => <Overview builds={items} />}</Shown>
    </Page>
  );
}
