// Account: one's password, tokens, and the sessions of browsers.
import { Alert, Button, Form, Input } from "antd";
import { api, path, type UserChange, type WhoAmI } from "../../api";
import { useChange } from "../../queries";
import { useMe } from "../../session";
import { Page, Section } from "../../ui/page";
import { PASSWORD_LEAST } from "../../ui/password";
import { ProblemAlert } from "../../ui/states";
import { Sessions } from "./sessions";
import { useText } from "./text";
import { Tokens } from "./tokens";

interface Passwords {
  /** Administrators are not asked for it. */
  currentPassword?: string;
  password: string;
}

function Password({ me }: { me: WhoAmI }) {
  const t = useText();
  // The session ends with the password: the next answer brings the sign-in page.
  const save = useChange((v: Passwords) => api.patch<void>(path`users/${me.name}`, v satisfies UserChange), [["session"]]);
  return (
    <Section title={t("account.password")}>
      <Form<Passwords> layout="vertical" className="form" onFinish={(v) => save.mutate(v)}>
        {me.admin ? null : (
          <Form.Item name="currentPassword" label={t("account.current")} rules={[{ required: true, message: t("account.needed") }]}>
            <Input.Password autoComplete="current-password" />
          </Form.Item>
        )}
        <Form.Item
          name="password"
          label={t("account.new")}
          extra={t("account.passwordHint", { n: PASSWORD_LEAST })}
          rules={[{ required: true, min: PASSWORD_LEAST, message: t("account.short", { n: PASSWORD_LEAST }) }]}
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

export default function Account() {
  const t = useText();
  const me = useMe();
  if (!me) return null;
  return (
    <Page title={t("account.title")} lead={t(me.admin ? "account.leadAdmin" : "account.lead", { name: me.name })}>
      <Tokens />
      <Password me={me} />
      <Sessions />
      <Alert type="info" title={t("account.looks")} />
    </Page>
  );
}
