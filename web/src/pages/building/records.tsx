// The table Build Log: the builds of the repository, newest first.
import { App, Button, Select } from "antd";
import { Link } from "react-router";
import { api, type Build, path, type Repository } from "../../api";
import { isLive, useBuilds, useChange } from "../../queries";
import { may } from "../../roles";
import { CursorPager, useParam } from "../../ui/cursor";
import { Ref, useBuildSentence } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Commit, Duration, StatePill, Time } from "../../ui/values";
import { buildUrl } from "../../urls";
import { useText } from "./text";

const PAGE_SIZE = 20;
const STATES = ["PENDING", "BUILDING", "SUCCESS", "FAILED", "CANCELED"] as const;

function CancelBuild({ build }: { build: Build }) {
  const t = useText();
  const { notification } = App.useApp();
  const cancel = useChange((_: undefined) => api.post<Build>(path`builds/${build.id}:cancel`, {}), [["builds"]]);
  const act = () =>
    cancel.mutate(undefined, {
      onError: (error) => notification.error({ title: error.message, description: error.remedy }),
    });
  return (
    <Button type="link" danger loading={cancel.isPending} aria-label={t("building.cancelBuild", { id: build.id })} onClick={act}>
      {t("building.cancel")}
    </Button>
  );
}

function useColumns(repository: Repository): Column<Build>[] {
  const name = repository.fullName;
  const t = useText();
  const sentence = useBuildSentence();
  return [
    { title: t("building.state"), render: (build) => <StatePill state={build.status} sentence={sentence(build)} /> },
    {
      title: t("building.ref"),
      render: (build) => (
        <>
          <Ref name={build.ref} /> <Commit id={build.commit} />
          <p className="quiet">{t(`building.by.${build.trigger}`, { name: build.actor })}</p>
        </>
      ),
    },
    {
      title: t("building.tags"),
      render: (build) => (
        <span className="chips">
          {build.tags.map((tag) => (
            <code key={tag} className="chip">
              {tag}
            </code>
          ))}
        </span>
      ),
    },
    {
      title: t("building.architecture"),
      render: (build) => (
        <span className="chips">
          {build.jobs.map((job) => (
            <StatePill key={job.platform} state={job.state} label={job.platform} />
          ))}
        </span>
      ),
    },
    { title: t("building.started"), narrow: true, render: (build) => <Time at={build.startedAt ?? build.createdAt} /> },
    {
      title: t("building.took"),
      narrow: true,
      render: (build) => <Duration from={build.startedAt} to={isLive(build) ? null : (build.endedAt ?? build.startedAt)} />,
    },
    {
      title: t("building.actions"),
      narrow: true,
      render: (build) => (
        <div className="actions">
          <Link to={buildUrl(name, build.id)} aria-label={t("building.logOf", { id: build.id })}>
            {t("building.log")}
          </Link>
          {isLive(build) && may(repository, "develop") ? <CancelBuild build={build} /> : null}
        </div>
      ),
    },
  ];
}

export function BuildRecords({ repository }: { repository: Repository }) {
  const t = useText();
  const columns = useColumns(repository);
  const [status, setStatus] = useParam("status");
  const [cursor] = useParam("cursor");
  const query = useBuilds({ repository: repository.fullName, status, cursor, limit: PAGE_SIZE });
  return (
    <Section
      title={t("building.records")}
      actions={
        <Select
          className="state-filter"
          aria-label={t("building.state")}
          value={status}
          onChange={setStatus}
          options={[
            { value: "", label: t("building.allStates") },
            ...STATES.map((s) => ({ value: s, label: <StatePill state={s} /> })),
          ]}
        />
      }
    >
      <Shown query={query}>
        {({ items }) =>
          items.length > 0 ? (
            <Table caption={t("building.records")} columns={columns} rows={items} rowKey={(build) => build.id} />
          ) : (
            <Nothing title={t(status ? "building.noneInState" : "building.noBuilds")}>
              {status ? null : <p>{t("building.noBuildsText")}</p>}
            </Nothing>
          )
        }
      </Shown>
      <CursorPager next={query.data?.next} busy={query.isFetching} />
    </Section>
  );
}
