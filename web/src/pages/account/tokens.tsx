// Tokens: instead of the password for docker, git, the command line and programs. A secret is shown once.
import { App, Button, Form, Input, Modal, Select } from "antd";
import { useState } from "react";
import { api, type NewToken, path, serverUrl, type Token, type TokenWithSecret } from "../../api";
import { useChange, useNamespaces, useTokens } from "../../queries";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { Section } from "../../ui/page";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Command, Time } from "../../ui/values";
import { useText } from "./text";

const DAY_MS = 86_400_000;
const ROLES = ["view", "develop", "maintain", "admin"] as const;

interface Draft {
  name: string;
  role: (typeof ROLES)[number] | "";
  namespace: string;
  days: number;
}

function requestOf({ name, role, namespace, days }: Draft): NewToken {
  return {
    name,
    role: role || null,
    namespace: namespace || null,
    expiresAt: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
  };
}

function Made({ token }: { token: TokenWithSecret }) {
  const t = useText();
  const me = useMe();
  const url = serverUrl("").replace(/\/$/, "");
  return (
    <>
      <p>{t("account.once")}</p>
      <div className="stack-small">
        <Command what={t("account.secret")} text={token.secret} />
        <Command what="kiln login" text={`kiln login --token-stdin ${url}`} />
        <Command what="docker login" text={`docker login -u ${me?.name ?? ""} --password-stdin ${new URL(url).host}`} />
      </div>
    </>
  );
}

function Make({ close }: { close: () => void }) {
  const t = useText();
  const namespaces = useNamespaces().data ?? [];
  const [form] = Form.useForm<Draft>();
  const make = useChange((draft: Draft) => api.post<TokenWithSecret>("tokens", requestOf(draft)), [["tokens"]], () => announce(t("account.made")));
  const limits = [30, 90, 365].map((n) => ({ value: n, label: t("account.days", { n }) }));
  return (
    <Modal
      open
      title={t("account.make")}
      okText={t(make.data ? "account.close" : "account.make")}
      confirmLoading={make.isPending}
      cancelButtonProps={{ hidden: Boolean(make.data) }}
      onOk={() => (make.data ? close() : form.submit())}
      onCancel={close}
    >
      {make.data ? (
        <Made token={make.data} />
      ) : (
        <Form<Draft>
          form={form}
          layout="vertical"
          initialValues={{ role: "", namespace: "", days: 90 }}
          onFinish={(draft) => make.mutate(draft)}
        >
          <Form.Item name="name" label={t("account.name")} rules={[{ required: true, message: t("account.needed") }]}>
            <Input maxLength={64} autoComplete="off" />
          </Form.Item>
          <Form.Item name="role" label={t("account.role")} extra={t("account.roleHint")}>
            <Select options={[{ value: "", label: t("account.noLimit") }, ...ROLES.map((r) => ({ value: r, label: t(`account.role.${r}`) }))]} />
          </Form.Item>
          <Form.Item name="namespace" label={t("account.namespace")}>
            <Select options={[{ value: "", label: t("account.noLimit") }, ...namespaces.map((n) => ({ value: n.name, label: n.name }))]} />
          </Form.Item>
          <Form.Item name="days" label={t("account.expires")}>
            <Select options={[...limits, { value: 0, label: t("account.never") }]} />
          </Form.Item>
          {make.error ? <ProblemAlert error={make.error} /> : null}
        </Form>
      )}
    </Modal>
  );
}

function List({ items }: { items: Token[] }) {
  const t = useText();
  const { modal } = App.useApp();
  const remove = useChange((id: string) => api.remove<void>(path`tokens/${id}`), [["tokens"]], () => announce(t("account.deleted")));
  const ask = (token: Token) =>
    void modal.confirm({
      title: t("account.deleteTitle", { name: token.name }),
      content: t("account.deleteText"),
      okText: t("account.delete"),
      okButtonProps: { danger: true },
      onOk: () => remove.mutateAsync(token.id).catch(() => {}),
    });
  return (
    <>
      {remove.error ? <ProblemAlert error={remove.error} /> : null}
      <Table
        caption={t("account.tokens")}
        rows={items}
        rowKey={(token) => token.id}
        columns={[
          { title: t("account.name"), render: (token) => <span className="strong">{token.name}</span> },
          { title: t("account.role"), render: (token) => (token.role ? t(`account.role.${token.role}`) : t("account.noLimit")) },
          { title: t("account.namespace"), render: (token) => token.namespace ?? t("account.noLimit") },
          { title: t("account.expires"), narrow: true, render: (token) => (token.expiresAt ? <Time at={token.expiresAt} /> : t("account.never")) },
          { title: t("account.used"), narrow: true, render: (token) => <Time at={token.usedAt} /> },
          {
            title: t("account.actions"),
            narrow: true,
            render: (token) => (
              <Button type="link" danger onClick={() => ask(token)}>
                {t("account.delete")}
              </Button>
            ),
          },
        ]}
      />
    </>
  );
}

export function Tokens() {
  const t = useText();
  const tokens = useTokens();
  const [open, setOpen] = useState(false);
  return (
    <Section
      title={t("account.tokens")}
      actions={
        <Button type="primary" onClick={() => setOpen(true)}>
          {t("account.make")}
        </Button>
      }
    >
      <Shown query={tokens} rows={2}>
        {(items) => (items.length === 0 ? <Nothing title={t("account.noTokens")} /> : <List items={items} />)}
      </Shown>
      {open ? <Make close={() => setOpen(false)} /> : null}
    </Section>
  );
}
