// Account: one's password, tokens, and the sessions of browsers.
import { Alert, App, Button, Form, Input } from "antd";
import { api, path, type Session, type UserChange } from "../../api";
import { useChange, useSessions } from "../../queries";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { Page, Section } from "../../ui/page";
import { ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { useText } from "./text";
import { Tokens } from "./tokens";

interface Passwords {
  currentPassword: string;
  password: string;
}

function Password({ name }: { name: string }) {
  const t = useText();
  // The session ends with the password: the next answer brings the sign-in page.
  const save = useChange((v: Passwords) => api.patch<void>(path`users/${name}`, v satisfies UserChange), [["session"]]);
  return (
    <Section title={t("account.password")}>
      <Form<Passwords> layout="vertical" className="form" onFinish={(v) => save.mutate(v)}>
        <Form.Item name="currentPassword" label={t("account.current")} rules={[{ required: true, message: t("account.needed") }]}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("account.new")}
          extra={t("account.passwordHint")}
          rules={[{ required: true, min: 8, message: t("account.short") }]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        {save.error ? <ProblemAlert error={save.error} /> : null}
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("account.change")}
        </Button>
      </Form>
    </Section>
  );
}

function Sessions() {
  const t = useText();
  const { modal } = App.useApp();
  const sessions = useSessions();
  const end = useChange((id: string) => api.remove<void>(path`sessions/${id}`), [["sessions"], ["session"]], () => announce(t("account.ended")));
  const ask = (session: Session) =>
    void modal.confirm({
      title: t("account.endTitle"),
      content: t(session.current ? "account.endThis" : "account.endOther", { agent: session.userAgent || "–" }),
      okText: t("account.end"),
      okButtonProps: { danger: true },
      onOk: () => end.mutateAsync(session.id).catch(() => {}),
    });
  return (
    <Section title={t("account.sessions")}>
      {end.error ? <ProblemAlert error={end.error} /> : null}
      <Shown query={sessions} rows={2}>
        {(items) => (
          <Table
            caption={t("account.sessions")}
            rows={items}
            rowKey={(s) => s.id}
            columns={[
              { title: t("account.browser"), render: (s) => <span>{s.userAgent || "–"}</span> },
              { title: t("account.address"), narrow: true, render: (s) => <code>{s.address}</code> },
              { title: t("account.begun"), narrow: true, render: (s) => <Time at={s.createdAt} /> },
              { title: t("account.used"), narrow: true, render: (s) => (s.current ? t("account.this") : <Time at={s.usedAt} />) },
              {
                title: t("account.actions"),
                narrow: true,
                render: (s) => (
                  <Button type="link" danger onClick={() => ask(s)}>
                    {t("account.end")}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Shown>
    </Section>
  );
}

export default function Account() {
  const t = useText();
  const me = useMe();
  if (!me) return null;
  return (
    <Page title={t("account.title")} lead={t(me.admin ? "account.leadAdmin" : "account.lead", { name: me.name })}>
      <Tokens />
      <Password name={me.name} />
      <Sessions />
      <Alert type="info" title={t("account.looks")} />
    </Page>
  );
}
