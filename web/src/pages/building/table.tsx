// The columns of a table of builds.
import { App, Button } from "antd";
import { Link } from "react-router";
import type { Build } from "../../api";
import { useMayBuild } from "../../queries-builds";
import { isLive } from "../../queries";
import { Ref, useBuildSentence } from "../../ui/domain";
import type { Column } from "../../ui/table";
import { Commit, Duration, StatePill, Time } from "../../ui/values";
import { buildUrl, repositoryUrl } from "../../urls";
import { useAct, type Verb } from "../build/act";
import { isOver } from "../build/model";
import { useText } from "./text";

export interface BuildColumns {
  /** Builds of several repositories: each says which. */
  withRepository?: boolean;
}

const lacksSome = (build: Build) => isOver(build) && build.jobs.some((job) => job.state === "failed" || job.state === "canceled");

function Act({ build, verb, name, danger }: { build: Build; verb: Verb; name: string; danger?: boolean }) {
  const t = useText();
  const { notification } = App.useApp();
  const act = useAct(build, build.repository);
  const start = () =>
    act.mutate(
      { verb },
      { onError: (error) => notification.error({ title: error.message, description: error.remedy }) },
    );
  return (
    <Button type="link" danger={danger} loading={act.isPending} aria-label={name} onClick={start}>
      {t(danger ? "building.cancel" : "building.retry")}
    </Button>
  );
}

export function BuildActions({ build, may }: { build: Build; may: boolean }) {
  const t = useText();
  const { id } = build;
  return (
    <div className="actions">
      <Link to={buildUrl(build.repository, id)} aria-label={t("building.logOf", { id })}>
        {t("building.log")}
      </Link>
      {may && isLive(build) ? <Act build={build} verb="cancel" name={t("building.cancelBuild", { id })} danger /> : null}
      {may && lacksSome(build) ? <Act build={build} verb="retry" name={t("building.retryBuild", { id })} /> : null}
    </div>
  );
}

/** What is built, and who wanted it. */
export function useRefColumn({ withRepository = false }: BuildColumns): Column<Build> {
  const t = useText();
  return {
    title: t(withRepository ? "building.repository" : "building.ref"),
    render: (build) => (
      <div>
        {withRepository ? (
          <p className="first">
            <Link to={repositoryUrl(build.repository, "build")}>{build.repository}</Link>
          </p>
        ) : null}
        <Ref name={build.ref} /> <Commit id={build.commit} />
        <p className="quiet">{t(`building.by.${build.trigger}`, { name: build.actor })}</p>
      </div>
    ),
  };
}

export function useBuildColumns(rows: Build[], more: BuildColumns): Column<Build>[] {
  const mayBuild = useMayBuild(rows.map((build) => build.repository));
  const t = useText();
  const sentence = useBuildSentence();
  const ref = useRefColumn(more);
  return [
    { title: t("building.state"), render: (build) => <StatePill state={build.status} sentence={sentence(build)} /> },
    ref,
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
      render: (build) => <BuildActions build={build} may={mayBuild(build.repository)} />,
    },
  ];
}
