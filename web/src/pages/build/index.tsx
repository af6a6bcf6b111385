// The page of one build: state, architectures side by side, log, timeline, Dockerfile, result.
import { Tabs } from "antd";
import { useEffect } from "react";
import type { Build, BuildStep } from "../../api";
import { useShortcut } from "../../shell/shortcuts";
import { useBuild } from "../../queries";
import { may } from "../../roles";
import { repositoryUrl, shortBuildUrl } from "../../urls";
import { useParam } from "../../ui/cursor";
import { Page } from "../../ui/page";
import { Shown } from "../../ui/states";
import { CopyLink, StatePill } from "../../ui/values";
import { useScope } from "../repository/scope";
import { Actions } from "./Actions";
import { Architectures } from "./Architectures";
import "./build.css";
import { DockerfileView } from "./DockerfileView";
import { Failures } from "./Failures";
import { History } from "./History";
import { Inputs } from "./Inputs";
import { LogTab } from "./LogTab";
import { useLog, useSteps } from "./live";
import { Result } from "./Result";
import { sentence, Summary } from "./Summary";
import { useBuildText } from "./text";
import { Timeline } from "./Timeline";

export default function BuildPage() {
  const { repository, params } = useScope();
  const build = useBuild(params.build ?? "");
  const name = `${repository.namespace}/${repository.name}`;
  const t = useBuildText();
  const crumbs = useCrumbs(name);
  if (build.data) return <Shows build={build.data} repository={name} canBuild={repository.canBuild} mayAct={may(repository, "develop")} />;
  return (
    <Page title={t("build.title", { id: (params.build ?? "").slice(0, 8) })} crumbs={crumbs}>
      <Shown query={build}>{() => null}</Shown>
    </Page>
  );
}

function useCrumbs(repository: string) {
  const t = useBuildText();
  return [
    { text: repository, to: repositoryUrl(repository) },
    { text: t("build.builds"), to: repositoryUrl(repository, "build") },
  ];
}

interface ShowsProps {
  build: Build;
  repository: string;
  canBuild: boolean;
  mayAct: boolean;
}

function Shows({ build, repository, canBuild, mayAct }: ShowsProps) {
  const t = useBuildText();
  const crumbs = useCrumbs(repository);
  const steps = useSteps(build);
  const log = useLog(build);
  const [view, setView] = useParam("view", "log");
  const [arch, setArch] = useParam("arch");
  const list: BuildStep[] = steps.data ?? [];
  const platform = build.jobs.find((j) => j.platform === arch)?.platform ?? null;

  useEffect(() => log.setSteps(list, build.startedAt), [log, list, build.startedAt]);
  useEffect(() => log.setPlatform(platform), [log, platform]);
  useViewKeys(setView);

  const toLog = (act: () => void) => {
    setView("log");
    requestAnimationFrame(() => requestAnimationFrame(act));
  };
  const showLine = (n: number) =>
    toLog(() => {
      log.reveal(n);
      log.select([n, n]);
    });
  const showStep = (step: number) => toLog(() => void log.revealStep(step));

  return (
    <Page
      title={t("build.title", { id: build.id.slice(0, 8) })}
      crumbs={crumbs}
      badge={<StatePill state={build.status} sentence={sentence(t, build)} />}
      actions={
        <>
          <CopyLink to={shortBuildUrl(build.id)} />
          {mayAct ? <Actions build={build} repository={repository} /> : null}
        </>
      }
    >
      <Summary build={build} repository={repository} />
      <Failures build={build} steps={list} log={log} showLine={showLine} />
      <Architectures
        build={build}
        steps={list}
        chosen={platform}
        choose={(p) => setArch(p ?? "")}
        repository={repository}
        mayAct={mayAct}
      />
      <Tabs
        className="build-views"
        activeKey={view}
        onChange={setView}
        destroyOnHidden
        items={[
          { key: "log", label: t("build.view.log"), children: <LogTab log={log} build={build} steps={list} platform={platform} /> },
          { key: "timeline", label: t("build.view.timeline"), children: <Timeline build={build} steps={list} platform={platform} show={showStep} /> },
          { key: "dockerfile", label: t("build.view.dockerfile"), children: <DockerfileView build={build} steps={list} show={showStep} /> },
          { key: "inputs", label: t("build.view.inputs"), children: <Inputs build={build} steps={list} canBuild={canBuild} /> },
          { key: "result", label: t("build.view.result"), children: <Result build={build} steps={list} repository={repository} /> },
          { key: "history", label: t("build.view.history"), children: <History build={build} steps={list} repository={repository} /> },
        ]}
      />
    </Page>
  );
}

function useViewKeys(setView: (view: string) => void) {
  const t = useBuildText();
  useShortcut("l", t("build.key", { view: t("build.view.log") }), () => setView("log"));
  useShortcut("t", t("build.key", { view: t("build.view.timeline") }), () => setView("timeline"));
  useShortcut("d", t("build.key", { view: t("build.view.dockerfile") }), () => setView("dockerfile"));
  useShortcut("i", t("build.key", { view: t("build.view.inputs") }), () => setView("inputs"));
  useShortcut("s", t("build.key", { view: t("build.view.result") }), () => setView("result"));
  useShortcut("y", t("build.key", { view: t("build.view.history") }), () => setView("history"));
}
