// Commit status in the settings of a repository: whether the provider of the code is told, and what came of it.
import { Alert, Button, Form, Input } from "antd";
import type { ReactNode } from "react";
import { api, ApiError, type CommitStatus, type CommitStatusChange, type CommitStatusError, path, type Repository } from "../../../api";
import { useCommon } from "../../../i18n/common";
import { useDomain } from "../../../i18n/domain";
import { useProblemTitle } from "../../../i18n/problem";
import { useChange, useCommitStatus } from "../../../queries";
import { announce } from "../../../ui/announce";
import { BuildLink } from "../../../ui/domain";
import { Facts, Section } from "../../../ui/page";
import { Pill, type Tone } from "../../../ui/pill";
import { ProblemAlert, Shown } from "../../../ui/states";
import { Commit, Time } from "../../../ui/values";
import { useText } from "./text";

type Report = NonNullable<CommitStatus["lastReport"]>;

const TONES: Record<Report["state"], Tone> = { queued: "wait", running: "run", success: "good", failed: "bad", canceled: "off" };

/** As a problem that the server answers with. */
const asError = ({ code, text, remedy }: CommitStatusError) => new ApiError(409, { code, detail: text, remedy: remedy ?? undefined });

function State({ stored }: { stored: CommitStatus }) {
  const t = useText();
  if (!stored.enabled) return <Pill tone="off">{t("commitstatus.off")}</Pill>;
  if (stored.waiting) return <Pill tone="wait">{t("commitstatus.waiting", { n: stored.waiting })}</Pill>;
  return <Pill tone="good">{t("commitstatus.on")}</Pill>;
}

function Provider({ stored }: { stored: CommitStatus }) {
  const t = useText();
  const d = useDomain();
  if (!stored.provider) return <span className="quiet">{t("commitstatus.none")}</span>;
  return (
    <>
      {d(`domain.source.${stored.provider}`)} {stored.apiUrl ? <code>{stored.apiUrl}</code> : null}
    </>
  );
}

function Last({ report, name }: { report: CommitStatus["lastReport"]; name: string }) {
  const t = useText();
  if (!report) return <span className="quiet">{t("commitstatus.noReport")}</span>;
  return (
    <div className="stack-small">
      <span>
        <Pill tone={TONES[report.state]}>{t(`commitstatus.is.${report.state}`)}</Pill> <Time at={report.at} />
      </span>
      <span>
        {t("commitstatus.commit")} <Commit id={report.commit} />,{" "}
        {report.status ? t("commitstatus.status", { n: report.status }) : t("commitstatus.noAnswer")}
      </span>
      <BuildLink repository={name} id={report.build} />
    </div>
  );
}

/** What stands in the way of one that is off is no fault. */
function Problem({ stored }: { stored: CommitStatus }) {
  const c = useCommon();
  const title = useProblemTitle();
  const { problem } = stored;
  const error = problem ?? stored.lastReport?.error;
  if (!error) return null;
  if (!problem || stored.enabled) return <ProblemAlert error={asError(error)} />;
  return (
    <Alert
      type="info"
      showIcon
      title={title(problem.code) ?? problem.text}
      description={
        <>
          <p>{problem.text}</p>
          {problem.remedy ? (
            <p>
              <strong>{c("common.remedy")}:</strong> {problem.remedy}
            </p>
          ) : null}
        </>
      }
    />
  );
}

function useActions(name: string) {
  const t = useText();
  const at = path`repositories/${name}/commit-status`;
  const changes = [["repositories", name, "commit-status"]];
  const save = useChange(
    (change: CommitStatusChange) => api.patch<CommitStatus>(at, change),
    changes,
    ({ enabled }, change) =>
      announce(t(change.enabled === undefined ? "commitstatus.saved" : enabled ? "commitstatus.switchedOn" : "commitstatus.switchedOff")),
  );
  const report = useChange((_: undefined) => api.post<CommitStatus>(`${at}:report`), changes, () => announce(t("commitstatus.reported")));
  return { save, report };
}

function Setting({ name, stored }: { name: string; stored: CommitStatus }) {
  const t = useText();
  const { save, report } = useActions(name);
  const failed = save.error ?? report.error;
  return (
    <>
      <Facts
        items={[
          [t("commitstatus.state"), <State key="s" stored={stored} />],
          [t("commitstatus.provider"), <Provider key="p" stored={stored} />],
          [t("commitstatus.last"), <Last key="l" report={stored.lastReport} name={name} />],
          ...(stored.nextAttemptAt ? [[t("commitstatus.next"), <Time key="n" at={stored.nextAttemptAt} ahead />] as [string, ReactNode]] : []),
        ]}
      />
      <Problem stored={stored} />
      <Form<{ context: string }> layout="vertical" className="form" initialValues={stored} onFinish={(v) => save.mutate(v)}>
        <Form.Item
          name="context"
          label={t("commitstatus.name")}
          extra={t("commitstatus.nameHint", { place: "{repository}", shown: stored.contextShown })}
          rules={[{ required: true, whitespace: true, message: t("commitstatus.nameNeeded") }]}
        >
          <Input maxLength={100} autoComplete="off" spellCheck={false} />
        </Form.Item>
        {failed ? <ProblemAlert error={failed} /> : null}
        <div className="form-buttons">
          <Button type="primary" htmlType="submit" loading={save.isPending}>
            {t("commitstatus.save")}
          </Button>
          <Button disabled={!stored.enabled && stored.problem !== null} onClick={() => save.mutate({ enabled: !stored.enabled })}>
            {t(stored.enabled ? "commitstatus.switchOff" : "commitstatus.switchOn")}
          </Button>
          {stored.enabled ? (
            <Button loading={report.isPending} onClick={() => report.mutate(undefined)}>
              {t("commitstatus.report")}
            </Button>
          ) : null}
        </div>
      </Form>
    </>
  );
}

export function Reported({ repository }: { repository: Repository }) {
  const t = useText();
  const name = repository.fullName;
  return (
    <Section title={t("commitstatus.title")}>
      <p className="hint">{t("commitstatus.lead")}</p>
      <Shown query={useCommitStatus(name)} rows={3}>
        {(stored) => <Setting key={stored.updatedAt} name={name} stored={stored} />}
      </Shown>
    </Section>
  );
}
