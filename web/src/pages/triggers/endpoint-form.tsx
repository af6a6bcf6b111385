// An endpoint is made, and changed.
import { Alert, Checkbox, Form, Input, Modal, Radio } from "antd";
import { api, type Endpoint, type EndpointAndSecret, path } from "../../api";
import { useChange } from "../../queries";
import { announce } from "../../ui/announce";
import { MakeDialog } from "../../ui/make";
import { ProblemAlert } from "../../ui/states";
import { Command } from "../../ui/values";
import { changeOf, draftOf, type EndpointDraft, EVENTS, FIRST } from "./endpoint";
import { useEventName, useTold } from "./told";

function Fields({ now }: { now?: Endpoint }) {
  const t = useTold();
  const name = useEventName();
  // A rule that it is required would be said of the group, which cannot be.
  const someOf = (_: unknown, events: string[]) => (events.length ? Promise.resolve() : Promise.reject(new Error(t("outgoing.eventsNeeded"))));
  return (
    <>
      <Form.Item name="url" label={t("outgoing.url")} extra={t("outgoing.urlHint")} rules={[{ required: true, message: t("outgoing.needed") }]}>
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} maxLength={2048} placeholder="https://deploy.example/hook" />
      </Form.Item>
      <Form.Item name="format" label={t("outgoing.format")}>
        <Radio.Group options={(["cloudevents", "slack"] as const).map((f) => ({ value: f, label: t(`outgoing.format.${f}`) }))} />
      </Form.Item>
      <Form.Item name="events" label={t("outgoing.events")} rules={[{ validator: someOf }]}>
        <Checkbox.Group options={EVENTS.map((event) => ({ value: event, label: name(event) }))} />
      </Form.Item>
      <Form.Item name="signed" valuePropName="checked" extra={t("outgoing.signHint")}>
        <Checkbox>{t("outgoing.sign")}</Checkbox>
      </Form.Item>
      {now ? (
        <Form.Item name="enabled" valuePropName="checked" extra={t("outgoing.enabledHint")}>
          <Checkbox>{t("outgoing.enabled")}</Checkbox>
        </Form.Item>
      ) : null}
    </>
  );
}

/** Shown once. */
export function Secret({ secret }: { secret: string | null }) {
  const t = useTold();
  if (!secret) return null;
  return (
    <div className="stack-small">
      <p>{t("outgoing.once")}</p>
      <Command what={t("outgoing.secret")} text={secret} />
    </div>
  );
}

export function AddEndpoint({ repository, close, made }: { repository: string; close: () => void; made: (endpoint: Endpoint) => void }) {
  const t = useTold();
  const make = useChange(
    (draft: EndpointDraft) => api.post<EndpointAndSecret>(path`repositories/${repository}/endpoints`, draft),
    [["endpoints", repository]],
    (endpoint) => {
      announce(t("outgoing.made"));
      made(endpoint);
    },
  );
  return (
    <MakeDialog<EndpointDraft, EndpointAndSecret>
      title={t("outgoing.add")}
      ok={t("outgoing.make")}
      first={FIRST}
      make={make}
      made={({ secret }) => (
        <>
          <Alert type="success" showIcon title={t("outgoing.made")} description={t("outgoing.madeText")} />
          <Secret secret={secret} />
        </>
      )}
      close={close}
    >
      <Fields />
    </MakeDialog>
  );
}

interface EditProps {
  repository: string;
  endpoint: Endpoint;
  close: () => void;
  /** A secret that was made. */
  told: (secret: string | null) => void;
}

export function EditEndpoint({ repository, endpoint, close, told }: EditProps) {
  const t = useTold();
  const [form] = Form.useForm<EndpointDraft>();
  const now = draftOf(endpoint);
  const save = useChange(
    (change: Partial<EndpointDraft>) => api.patch<EndpointAndSecret>(path`repositories/${repository}/endpoints/${endpoint.id}`, change),
    [["endpoints", repository]],
    ({ secret }) => {
      announce(t("outgoing.saved"));
      told(secret);
      close();
    },
  );
  const submit = (draft: EndpointDraft) => {
    const change = changeOf(now, draft);
    if (Object.keys(change).length === 0) close();
    else save.mutate(change);
  };
  return (
    <Modal
      open
      width={640}
      title={t("outgoing.editTitle")}
      okText={t("outgoing.save")}
      confirmLoading={save.isPending}
      onOk={form.submit}
      onCancel={close}
    >
      <Form<EndpointDraft> form={form} layout="vertical" initialValues={now} onFinish={submit}>
        <Fields now={endpoint} />
        {save.error ? <ProblemAlert error={save.error} /> : null}
      </Form>
    </Modal>
  );
}
