// Section Schedules: builds that start by the clock. Which one is edited is in the address.
import { PlusOutlined } from "@ant-design/icons";
import { Button, Switch } from "antd";
import { Link } from "react-router";
import { api, path, type Repository, type Rule, type Schedule } from "../../api";
import { useChange, useRules, useSchedules } from "../../queries";
import { useConfirm } from "../../ui/confirm";
import { useParam } from "../../ui/cursor";
import { BuildLink, Ref } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Pill } from "../../ui/pill";
import { Nothing, ProblemAlert, Reason, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { StatePill, Time } from "../../ui/values";
import { repositoryUrl, ruleUrl } from "../../urls";
import { ScheduleDialog } from "./schedule-form";
import { useMeaning, useText } from "./schedule-text";

const pathOf = (schedule: Schedule) => path`repositories/${schedule.repositoryId}/schedules/${schedule.id}`;
const listOf = (repository: Repository) => ["repositories", repository.fullName, "schedules"];

function Enabled({ repository, schedule }: { repository: Repository; schedule: Schedule }) {
  const t = useText();
  const change = useChange((enabled: boolean) => api.patch<Schedule>(pathOf(schedule), { enabled }), [listOf(repository)]);
  return (
    <>
      <Switch
        size="small"
        checked={schedule.enabled}
        loading={change.isPending}
        aria-label={t("schedules.isOn", { name: schedule.cron })}
        onChange={(on) => change.mutate(on)}
      />
      {change.error ? <ProblemAlert error={change.error} /> : null}
    </>
  );
}

function Remove({ repository, schedule }: { repository: Repository; schedule: Schedule }) {
  const t = useText();
  const confirm = useConfirm();
  const name = schedule.cron;
  const remove = useChange((_: undefined) => api.remove<void>(pathOf(schedule)), [listOf(repository)]);
  const ask = () =>
    confirm({
      title: t("schedules.deleteTitle", { name }),
      text: t("schedules.deleteText"),
      ok: t("schedules.delete"),
      act: () => remove.mutateAsync(undefined),
    });
  return (
    <Button type="link" danger aria-label={t("schedules.deleteOne", { name })} onClick={ask}>
      {t("schedules.delete")}
    </Button>
  );
}

function What({ repository, rules, schedule }: { repository: Repository; rules: Rule[]; schedule: Schedule }) {
  const t = useText();
  const rule = rules.find(({ id }) => id === schedule.ruleId);
  return (
    <div>
      {schedule.ref ? <Ref name={schedule.ref} /> : <span className="no">{t("schedules.noRef")}</span>}
      <p className="quiet">
        {t("schedules.byRule")} <Link to={ruleUrl(repository.fullName, schedule.ruleId)} className="in-text">
          {rule?.pattern ?? schedule.ruleId}
        </Link>
        {schedule.noCache ? `, ${t("schedules.uncached")}` : null}
      </p>
    </div>
  );
}

function When({ schedule }: { schedule: Schedule }) {
  const meaning = useMeaning()(schedule.cron);
  return (
    <div>
      {meaning ? <p className="first">{meaning}</p> : null}
      <code>{schedule.cron}</code> <span className="quiet">{schedule.timeZone}</span>
    </div>
  );
}

/** When it was, and what came of it; why not is below the row. */
function Last({ repository, schedule }: { repository: Repository; schedule: Schedule }) {
  const t = useText();
  const { lastRun, lastBuild } = schedule;
  if (!lastRun) return <span className="quiet">{t("schedules.never")}</span>;
  return (
    <div className="stack-small">
      <Time at={lastRun.at} />
      {lastRun.state === "skipped" ? <Pill tone="off">{t("schedules.skipped")}</Pill> : null}
      {lastRun.state === "failed" ? <Pill tone="bad">{t("schedules.failed")}</Pill> : null}
      {lastBuild && lastRun.state !== "failed" ? (
        <span>
          <BuildLink repository={repository.fullName} id={lastBuild.id} /> <StatePill state={lastBuild.status} />
        </span>
      ) : null}
    </div>
  );
}

function useColumns(repository: Repository, rules: Rule[], edit: (id: string) => void): Column<Schedule>[] {
  const t = useText();
  return [
    { title: t("schedules.on"), narrow: true, render: (schedule) => <Enabled repository={repository} schedule={schedule} /> },
    { title: t("schedules.what"), render: (schedule) => <What repository={repository} rules={rules} schedule={schedule} /> },
    { title: t("schedules.when"), render: (schedule) => <When schedule={schedule} /> },
    { title: t("schedules.next"), render: ({ nextRuns }) => <Time at={nextRuns[0]} ahead /> },
    { title: t("schedules.last"), render: (schedule) => <Last repository={repository} schedule={schedule} /> },
    {
      title: t("schedules.actions"),
      narrow: true,
      render: (schedule) => (
        <div className="actions">
          <Button type="link" aria-label={t("schedules.editOne", { name: schedule.cron })} onClick={() => edit(schedule.id)}>
            {t("schedules.edit")}
          </Button>
          <Remove repository={repository} schedule={schedule} />
        </div>
      ),
    },
  ];
}

function List({ repository, rules, items, edit }: { repository: Repository; rules: Rule[]; items: Schedule[]; edit: (id: string) => void }) {
  const t = useText();
  const columns = useColumns(repository, rules, edit);
  if (items.length > 0) {
    return (
      <Table
        caption={t("schedules.title")}
        columns={columns}
        rows={items}
        rowKey={({ id }) => id}
        below={(schedule) => (schedule.lastRun?.error ? <Reason error={schedule.lastRun.error} /> : null)}
      />
    );
  }
  return (
    <Nothing title={t("schedules.none")}>
      <p>{t(rules.length > 0 ? "schedules.noneText" : "schedules.noRules")}</p>
      {rules.length > 0 ? null : <Link to={repositoryUrl(repository.fullName, "build")}>{t("schedules.toRules")}</Link>}
    </Nothing>
  );
}

export function Schedules({ repository }: { repository: Repository }) {
  const t = useText();
  const rules = useRules(repository.fullName);
  const schedules = useSchedules(repository.fullName);
  const [edited, setEdited] = useParam("schedule");
  const schedule = schedules.data?.find(({ id }) => id === edited) ?? null;
  const add = (
    <Button icon={<PlusOutlined aria-hidden />} disabled={!rules.data?.length} onClick={() => setEdited("new")}>
      {t("schedules.add")}
    </Button>
  );
  return (
    <Section title={t("schedules.title")} actions={add}>
      <Shown query={rules} rows={3}>
        {(found) => (
          <Shown query={schedules} rows={3}>
            {(items) => <List repository={repository} rules={found} items={items} edit={setEdited} />}
          </Shown>
        )}
      </Shown>
      {rules.data?.length && (schedule || edited === "new") ? (
        <ScheduleDialog repository={repository} rules={rules.data} schedule={schedule} close={() => setEdited("")} />
      ) : null}
    </Section>
  );
}
