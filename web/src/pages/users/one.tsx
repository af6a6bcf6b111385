// One user: the rights, the password, the tokens, and the end.
import { Button, Form } from "antd";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { api, path, type User, type UserChange } from "../../api";
import { useChange } from "../../queries";
import { useTokensOf, useUser } from "../../queries-access";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { Deletion } from "../../ui/deletion";
import { Facts, Page, Section } from "../../ui/page";
import { PASSWORD_LEAST } from "../../ui/password";
import { AdminsOnly } from "../../ui/roles";
import { ProblemAlert, Shown } from "../../ui/states";
import { Time } from "../../ui/values";
import { TokenList } from "../account/tokens";
import { isOneself } from "./model";
import { Marks, Once, PasswordField } from "./parts";
import { useText } from "./text";

interface Props {
  user: User;
  /** The one who looks: what would take one's own rights away is not offered. */
  own: boolean;
}

function useUpdate(name: string, done: (user: User, change: UserChange) => void) {
  return useChange((change: UserChange) => api.patch<User>(path`users/${name}`, change), [["users"]], done);
}

function Rights({ user, own }: Props) {
  const t = useText();
  const confirm = useConfirm();
  const { name } = user;
  const update = useUpdate(name, () => announce(t("users.changed", { name })));
  const ask = (what: "promote" | "withdraw" | "disable" | "enable", change: UserChange) =>
    confirm({
      title: t(`users.ask.${what}.title`, { name }),
      text: t(`users.ask.${what}.text`),
      ok: t(`users.ask.${what}.verb`),
      danger: what === "withdraw" || what === "disable",
      act: () => update.mutateAsync(change),
    });
  return (
    <Section title={t("users.rights")}>
      <div className="stack">
        <Facts
          items={[
            [t("users.state"), <Marks key="s" user={user} />],
            [t("users.created"), <Time key="c" at={user.createdAt} />],
            [t("users.updated"), <Time key="u" at={user.updatedAt} />],
          ]}
        />
        {own ? (
          <p className="hint" id="own-rights">
            {t("users.own")}
          </p>
        ) : null}
        <div className="form-buttons">
          <Button
            disabled={own}
            aria-describedby={own ? "own-rights" : undefined}
            onClick={() => ask(user.admin ? "withdraw" : "promote", { admin: !user.admin })}
          >
            {t(user.admin ? "users.ask.withdraw.verb" : "users.ask.promote.verb")}
          </Button>
          <Button
            disabled={own}
            aria-describedby={own ? "own-rights" : undefined}
            onClick={() => ask(user.disabled ? "enable" : "disable", { disabled: !user.disabled })}
          >
            {t(user.disabled ? "users.ask.enable.verb" : "users.ask.disable.verb")}
          </Button>
        </div>
      </div>
    </Section>
  );
}

function PasswordForm({ name }: { name: string }) {
  const t = useText();
  const [form] = Form.useForm<{ password: string }>();
  const [generated, setGenerated] = useState("");
  const [set, setSet] = useState("");
  const update = useUpdate(name, (_, { password }) => {
    announce(t("users.passwordSet"));
    setSet(password ?? "");
    form.resetFields();
  });
  return (
    <Form form={form} layout="vertical" className="form" onFinish={(change) => update.mutate(change)}>
      <Form.Item
        name="password"
        label={t("users.newPassword")}
        rules={[{ required: true, min: PASSWORD_LEAST, message: t("users.short", { n: PASSWORD_LEAST }) }]}
        extra={t("users.passwordEnds", { n: PASSWORD_LEAST })}
      >
        <PasswordField generated={generated} setGenerated={setGenerated} />
      </Form.Item>
      {update.error ? <ProblemAlert error={update.error} /> : null}
      {set && set === generated ? <Once password={generated} /> : null}
      <div className="form-buttons">
        <Button type="primary" htmlType="submit" loading={update.isPending}>
          {t("users.setPassword")}
        </Button>
        {update.isSuccess ? <span className="saved">{t("users.passwordSet")}</span> : null}
      </div>
    </Form>
  );
}

function Password({ user, own }: Props) {
  const t = useText();
  return (
    <Section title={t("users.password")}>
      {own ? (
        <p>
          {t("users.ownPassword")}{" "}
          <Link to="/account" className="in-text">
            {t("users.account")}
          </Link>
        </p>
      ) : (
        <PasswordForm name={user.name} />
      )}
    </Section>
  );
}

function Tokens({ name }: { name: string }) {
  const t = useText();
  const tokens = useTokensOf(name);
  return (
    <Section title={t("users.tokens")}>
      <Shown query={tokens} rows={2}>
        {(items) => (items.length > 0 ? <TokenList items={items} /> : <p className="hint">{t("users.noTokens")}</p>)}
      </Shown>
    </Section>
  );
}

function Delete({ user, own }: Props) {
  const t = useText();
  const navigate = useNavigate();
  const { name } = user;
  const tokens = useTokensOf(name).data?.length ?? 0;
  const done = () => {
    announce(t("users.deleted", { name }));
    void navigate("/users");
  };
  return (
    <Deletion
      name={name}
      verb={t("users.delete")}
      title={t("users.deleteTitle", { name })}
      text={t("users.deleteText", { n: tokens })}
      act={() => api.remove<void>(path`users/${name}`)}
      changes={[["users"], ["namespaces"]]}
      done={done}
      blocked={own ? t("users.own") : undefined}
    />
  );
}

function Known({ name }: { name: string }) {
  const query = useUser(name);
  const me = useMe();
  return (
    <Shown query={query}>
      {(user) => {
        const own = isOneself(user, me);
        return (
          <>
            <Rights user={user} own={own} />
            <Password user={user} own={own} />
            <Tokens name={user.name} />
            <Delete user={user} own={own} />
          </>
        );
      }}
    </Shown>
  );
}

export function UserPage({ name }: { name: string }) {
  const t = useText();
  return (
    <Page title={name} crumbs={[{ text: t("users.title"), to: "/users" }]}>
      <AdminsOnly>
        <Known name={name} />
      </AdminsOnly>
    </Page>
  );
}
