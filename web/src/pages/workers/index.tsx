// Workers: what builds, on this machine and on others; administrators only.
import { App, Button, Form, Input, Modal } from "antd";
import { useState } from "react";
import { api, path, serverUrl, type Worker, type WorkerToken, type WorkerTokenWithSecret } from "../../api";
import en from "../../i18n/workers.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/workers.zh.json";
import { useChange, useWorkers, useWorkerTokens } from "../../queries";
import { announce } from "../../ui/announce";
import { Platforms } from "../../ui/domain";
import { Page, Section } from "../../ui/page";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Command, Time } from "../../ui/values";

const useText = textOf(en, zh);
type Text = ReturnType<typeof useText>;

interface Draft {
  name: string;
  pool: string;
}

function Made({ token }: { token: WorkerTokenWithSecret }) {
  const t = useText();
  const server = serverUrl("").replace(/\/$/, "");
  return (
    <>
      <p>{t("workers.once")}</p>
      <div className="stack-small">
        <Command what={t("workers.token")} text={token.secret} />
        <Command what="kiln worker" text={`kiln worker --server ${server} --token-file FILE`} />
      </div>
    </>
  );
}

function Add({ close }: { close: () => void }) {
  const t = useText();
  const [form] = Form.useForm<Draft>();
  const make = useChange(
    ({ name, pool }: Draft) => api.post<WorkerTokenWithSecret>("worker-tokens", { name, pool }),
    [["worker-tokens"]],
    () => announce(t("workers.made")),
  );
  return (
    <Modal
      open
      title={t("workers.add")}
      okText={t(make.data ? "workers.close" : "workers.makeToken")}
      confirmLoading={make.isPending}
      cancelButtonProps={{ hidden: Boolean(make.data) }}
      onOk={() => (make.data ? close() : form.submit())}
      onCancel={close}
    >
      {make.data ? (
        <Made token={make.data} />
      ) : (
        <Form<Draft> form={form} layout="vertical" initialValues={{ pool: "" }} onFinish={(draft) => make.mutate(draft)}>
          <Form.Item name="name" label={t("workers.tokenName")} rules={[{ required: true, message: t("workers.needed") }]}>
            <Input maxLength={64} autoComplete="off" />
          </Form.Item>
          <Form.Item name="pool" label={t("workers.pool")} extra={t("workers.poolHint")}>
            <Input maxLength={64} autoComplete="off" />
          </Form.Item>
          {make.error ? <ProblemAlert error={make.error} /> : null}
        </Form>
      )}
    </Modal>
  );
}

function stateOf(t: Text, worker: Worker): string {
  if (!worker.online) return t("workers.offline");
  return t(worker.draining ? "workers.draining" : worker.builds > 0 ? "workers.busy" : "workers.online");
}

function Actions({ worker }: { worker: Worker }) {
  const t = useText();
  const { modal, message } = App.useApp();
  const failed = (error: Error) => void message.error(error.message);
  const drain = useChange((on: boolean) => api.post<void>(path`workers/${worker.id}` + ":drain", { on }), [["workers"]]);
  const remove = useChange((_: undefined) => api.remove<void>(path`workers/${worker.id}`), [["workers"]], () => announce(t("workers.removed")));
  const ask = () =>
    void modal.confirm({
      title: t("workers.removeTitle", { name: worker.name }),
      content: t("workers.removeText"),
      okText: t("workers.remove"),
      okButtonProps: { danger: true },
      onOk: () => remove.mutateAsync(undefined).catch(failed),
    });
  return (
    <>
      <Button type="link" loading={drain.isPending} onClick={() => drain.mutate(!worker.draining, { onError: failed })}>
        {t(worker.draining ? "workers.resume" : "workers.drain")}
      </Button>
      {worker.embedded ? null : (
        <Button type="link" danger onClick={ask}>
          {t("workers.remove")}
        </Button>
      )}
    </>
  );
}

function List({ items }: { items: Worker[] }) {
  const t = useText();
  if (items.length === 0) return <Nothing title={t("workers.none")} />;
  return (
    <Table
      caption={t("workers.title")}
      rows={items}
      rowKey={(w) => w.id}
      columns={[
        {
          title: t("workers.name"),
          render: (w) => (
            <div>
              <span className="strong">{w.name}</span>
              <p className="quiet">{w.embedded ? t("workers.embedded", { version: w.version }) : w.version}</p>
            </div>
          ),
        },
        { title: t("workers.state"), render: (w) => stateOf(t, w) },
        { title: t("workers.native"), render: (w) => <Platforms platforms={w.platforms.filter((p) => p.native).map((p) => p.platform)} /> },
        { title: t("workers.emulated"), render: (w) => <Platforms platforms={w.platforms.filter((p) => !p.native).map((p) => p.platform)} /> },
        { title: t("workers.pool"), narrow: true, render: (w) => w.pool || t("workers.defaultPool") },
        { title: t("workers.builds"), narrow: true, render: (w) => t("workers.ofSlots", { n: w.builds, slots: w.slots }) },
        { title: t("workers.seen"), narrow: true, render: (w) => <Time at={w.lastSeenAt} /> },
        { title: t("workers.actions"), narrow: true, render: (w) => <Actions worker={w} /> },
      ]}
    />
  );
}

function Tokens({ items }: { items: WorkerToken[] }) {
  const t = useText();
  const { modal } = App.useApp();
  const remove = useChange((id: string) => api.remove<void>(path`worker-tokens/${id}`), [["worker-tokens"]], () => announce(t("workers.deleted")));
  const ask = (token: WorkerToken) =>
    void modal.confirm({
      title: t("workers.deleteTitle", { name: token.name }),
      content: t("workers.deleteText"),
      okText: t("workers.delete"),
      okButtonProps: { danger: true },
      onOk: () => remove.mutateAsync(token.id).catch(() => {}),
    });
  if (items.length === 0) return <p className="hint">{t("workers.noTokens")}</p>;
  return (
    <>
      {remove.error ? <ProblemAlert error={remove.error} /> : null}
      <Table
        caption={t("workers.tokens")}
        rows={items}
        rowKey={(token) => token.id}
        columns={[
          { title: t("workers.tokenName"), render: (token) => <span className="strong">{token.name}</span> },
          { title: t("workers.pool"), render: (token) => token.pool || t("workers.defaultPool") },
          { title: t("workers.created"), narrow: true, render: (token) => <Time at={token.createdAt} /> },
          { title: t("workers.used"), narrow: true, render: (token) => <Time at={token.usedAt} /> },
          {
            title: t("workers.actions"),
            narrow: true,
            render: (token) => (
              <Button type="link" danger onClick={() => ask(token)}>
                {t("workers.delete")}
              </Button>
            ),
          },
        ]}
      />
    </>
  );
}

export default function Workers() {
  const t = useText();
  const workers = useWorkers();
  const tokens = useWorkerTokens();
  const [open, setOpen] = useState(false);
  return (
    <Page
      title={t("workers.title")}
      lead={t("workers.lead")}
      actions={
        <Button type="primary" onClick={() => setOpen(true)}>
          {t("workers.add")}
        </Button>
      }
    >
      <Section title={t("workers.all")}>
        <Shown query={workers} rows={2}>
          {(items) => <List items={items} />}
        </Shown>
      </Section>
      <Section title={t("workers.tokens")}>
        <Shown query={tokens} rows={2}>
          {(items) => <Tokens items={items} />}
        </Shown>
      </Section>
      {open ? <Add close={() => setOpen(false)} /> : null}
    </Page>
  );
}
