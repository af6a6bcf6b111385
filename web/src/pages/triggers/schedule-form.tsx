// A schedule that is made or changed, with its next runs as one types.
import { AutoComplete, Button, Checkbox, Form, Input, Modal, Select } from "antd";
import { api, path, type Repository, type Rule, type Schedule } from "../../api";
import { usePrefs } from "../../prefs";
import { useChange, useNextRuns, useRefsOfSource } from "../../queries";
import { useSettled } from "../../ui/debounce";
import { isTagRef, shortRef } from "../../ui/domain";
import { ProblemAlert } from "../../ui/states";
import { inZone, useMeaning, useText, ZONES } from "./schedule-text";

const TYPING_MS = 250;
const OFFERED = ["@hourly", "@daily", "@weekly", "@monthly", "30 3 * * *", "30 3 * * 1"];
const contains = (typed: string, option?: { value: string }) => option?.value.toLowerCase().includes(typed.toLowerCase()) ?? false;

interface Draft {
  ruleId: string;
  ref: string;
  cron: string;
  timeZone: string;
  noCache: boolean;
}

function NextRuns({ cron, timeZone }: { cron: string; timeZone: string }) {
  const t = useText();
  const { language } = usePrefs();
  const meaning = useMeaning()(cron);
  const { data, error } = useNextRuns(useSettled(cron, TYPING_MS), useSettled(timeZone, TYPING_MS));
  if (!cron) return null;
  return (
    <div role="status" className="next-runs">
      {error ? (
        <p className="no">{error.message}</p>
      ) : (
        <>
          {meaning ? <p>{meaning}</p> : null}
          <p className="quiet">{t("schedules.nextRuns")}</p>
          <ol>
            {data?.map((at) => (
              <li key={at}>
                <time dateTime={at}>{inZone(language, at, timeZone)}</time>
              </li>
            ))}
          </ol>
        </>
      )}
    </div>
  );
}

function RefField({ repository, rule }: { repository: Repository; rule: Rule }) {
  const t = useText();
  const refs = useRefsOfSource(repository.source?.sourceId).data?.items ?? [];
  const isTag = rule.refType === "GIT_TAG";
  return (
    <Form.Item
      name="ref"
      label={t(isTag ? "schedules.tag" : "schedules.branch")}
      extra={t("schedules.refText")}
      rules={[{ required: true, message: t("schedules.needed") }]}
    >
      <AutoComplete
        options={refs.filter(({ ref }) => isTagRef(ref) === isTag).map(({ ref }) => ({ value: shortRef(ref) }))}
        showSearch={{ filterOption: contains }}
      >
        <Input autoCapitalize="none" spellCheck={false} className="mono" />
      </AutoComplete>
    </Form.Item>
  );
}

function When() {
  const t = useText();
  const needed = [{ required: true, message: t("schedules.needed") }];
  return (
    <>
      <Form.Item name="cron" label={t("schedules.expression")} extra={t("schedules.expressionText")} rules={needed}>
        <AutoComplete options={OFFERED.map((value) => ({ value }))}>
          <Input autoCapitalize="none" spellCheck={false} className="mono" />
        </AutoComplete>
      </Form.Item>
      <Form.Item name="timeZone" label={t("schedules.zone")} rules={needed}>
        <Select showSearch={{ filterOption: contains }} options={ZONES.map((value) => ({ value, label: value }))} />
      </Form.Item>
    </>
  );
}

interface Props {
  repository: Repository;
  rules: Rule[];
  /** null: a new one. */
  schedule: Schedule | null;
  close: () => void;
}

function useSave({ repository, schedule, close }: Props) {
  const at = path`repositories/${repository.fullName}/schedules`;
  return useChange(
    (draft: Partial<Draft>) => (schedule ? api.patch<Schedule>(`${at}/${schedule.id}`, draft) : api.post<Schedule>(at, draft)),
    [["repositories", repository.fullName, "schedules"]],
    close,
  );
}

function Fields(props: Props) {
  const { repository, rules, schedule } = props;
  const t = useText();
  const [form] = Form.useForm<Draft>();
  const draft = Form.useWatch([], form) as Draft | undefined;
  const save = useSave(props);
  const rule = rules.find(({ id }) => id === draft?.ruleId);
  const first: Draft = {
    ruleId: schedule?.ruleId ?? rules[0]?.id ?? "",
    ref: shortRef(schedule?.ref ?? ""),
    cron: schedule?.cron ?? "",
    timeZone: schedule?.timeZone ?? "UTC",
    noCache: schedule?.noCache ?? false,
  };
  // Of a plain name the rule says which one it is.
  const finish = ({ ref, cron, ...rest }: Draft) =>
    save.mutate({ ...rest, cron: cron.trim(), ref: rule?.match === "expression" ? ref.trim() : "" });
  return (
    <Form<Draft> form={form} layout="vertical" initialValues={first} onFinish={finish}>
      <Form.Item name="ruleId" label={t("schedules.rule")}>
        <Select options={rules.map(({ id, pattern }) => ({ value: id, label: pattern }))} />
      </Form.Item>
      {rule?.match === "expression" ? <RefField repository={repository} rule={rule} /> : null}
      <When />
      <NextRuns cron={draft?.cron?.trim() ?? ""} timeZone={draft?.timeZone ?? "UTC"} />
      <Form.Item name="noCache" valuePropName="checked" extra={t("schedules.noCacheText")}>
        <Checkbox>{t("schedules.noCache")}</Checkbox>
      </Form.Item>
      {save.error ? <ProblemAlert error={save.error} /> : null}
      <Button type="primary" htmlType="submit" loading={save.isPending}>
        {t(schedule ? "schedules.save" : "schedules.add")}
      </Button>
    </Form>
  );
}

export function ScheduleDialog(props: Props) {
  const t = useText();
  return (
    <Modal open width={600} title={t(props.schedule ? "schedules.editTitle" : "schedules.add")} footer={null} onCancel={props.close} destroyOnHidden>
      <Fields {...props} />
    </Modal>
  );
}
