// A first image: a repository with a rule, the commands that push to it, and the build as it goes.
import { Button } from "antd";
import { Link } from "react-router";
import { ApiError, api, hasStatus, type Namespace, type Repository } from "../../api";
import { isLive, useBuilds, useChange, useRepository, useSource, useWorkers } from "../../queries";
import { useMe } from "../../session";
import { useBuildSentence } from "../../ui/domain";
import { PullCommands } from "../../ui/pull";
import { Loading, ProblemAlert } from "../../ui/states";
import { Command, StatePill } from "../../ui/values";
import { buildUrl } from "../../urls";
import { FIRST, make } from "../create/draft";
import { PLATFORMS } from "../../health";
import { useText } from "./text";

const NAMESPACE = "hello";
const NAME = `${NAMESPACE}/world`;

/** The platforms that somebody builds; before a worker is there, all. */
function usePlatforms(): string[] {
  const workers = useWorkers().data ?? [];
  const able = PLATFORMS.filter((platform) => workers.some((w) => w.online && w.platforms.some((p) => p.platform === platform)));
  return able.length > 0 ? able : PLATFORMS;
}

async function makeNamespace() {
  try {
    await api.post<Namespace>("namespaces", { name: NAMESPACE });
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "NAMESPACE_EXISTS")) throw error;
  }
}

function Make({ summary }: { summary: string }) {
  const t = useText();
  const platforms = usePlatforms();
  const create = useChange(
    async (_: undefined) => {
      await makeNamespace();
      return make({ ...FIRST, namespace: NAMESPACE, name: "world", type: "PUBLIC", summary, platforms }, {});
    },
    [["namespaces"], ["repositories"], ["sources"]],
  );
  return (
    <>
      {create.error ? <ProblemAlert error={create.error} /> : null}
      <div>
        <Button type="primary" loading={create.isPending} onClick={() => create.mutate(undefined)}>
          {t("setup.make", { name: NAME })}
        </Button>
      </div>
    </>
  );
}

function pushCommands(url: string, user: string): string {
  const remote = new URL(url);
  remote.username = user;
  return [
    "mkdir hello && cd hello && git init -b main",
    "printf 'FROM alpine\\nRUN uname -m >/arch\\nCMD [\"cat\", \"/arch\"]\\n' >Dockerfile",
    "git add Dockerfile && git commit -m 'The first image'",
    `git push ${remote.href} main`,
  ].join("\n");
}

function Build() {
  const t = useText();
  const sentence = useBuildSentence();
  const build = useBuilds({ repository: NAME, limit: 1 }).data?.items[0];
  if (!build) return <p role="status">{t("setup.waiting")}</p>;
  return (
    <>
      <div className="row" role="status">
        <StatePill state={build.status} sentence={sentence(build)} />
        {build.jobs.map((job) => (
          <StatePill key={job.platform} state={job.state} label={job.platform} />
        ))}
        <Link to={buildUrl(NAME, build.id)}>{t(isLive(build) ? "setup.watch" : "setup.log")}</Link>
      </div>
      {build.status === "SUCCESS" ? (
        <>
          <p>{t("setup.pull")}</p>
          <PullCommands repository={NAME} reference="latest" />
        </>
      ) : null}
    </>
  );
}

function Push({ repository }: { repository: Repository }) {
  const t = useText();
  const user = useMe()?.name ?? "";
  const source = useSource(repository.source?.sourceId).data;
  if (!source?.url) return null;
  return (
    <>
      <p>{t("setup.pushText", { user })}</p>
      <Command what={t("setup.commands")} text={pushCommands(source.url, user)} />
      <Build />
    </>
  );
}

export function FirstImage() {
  const t = useText();
  const { data, error, isPending, refetch } = useRepository(NAME);
  if (data) return <Push repository={data} />;
  if (isPending) return <Loading rows={2} />;
  if (hasStatus(error, 404)) return <Make summary={t("setup.summary")} />;
  return <ProblemAlert error={error ?? new Error()} retry={() => void refetch()} />;
}
