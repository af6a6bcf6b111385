// Tokens: instead of the password for docker, git, the command line and programs. A secret is shown once.
import { Button, Form, Select } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { api, type NewToken, serverUrl, type Token, type TokenWithSecret } from "../../api";
import { useChange, useNamespaces, useTokens } from "../../queries";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { MakeDialog } from "../../ui/make";
import { Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { expiryOf, TokenFields, TokenTable } from "../../ui/tokens";
import { Command } from "../../ui/values";
import { useText } from "./text";

const ROLES = ["view", "develop", "maintain", "admin"] as const;

interface Draft {
  name: string;
  role: (typeof ROLES)[number] | "";
  namespace: string;
  days: number;
}

function requestOf({ name, role, namespace, days }: Draft): NewToken {
  return { name, role: role || null, namespace: namespace || null, expiresAt: expiryOf(days) };
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
  const make = useChange((draft: Draft) => api.post<TokenWithSecret>("tokens", requestOf(draft)), [["tokens"]], () => announce(t("account.made")));
  return (
    <MakeDialog<Draft, TokenWithSecret>
      title={t("account.make")}
      ok={t("account.make")}
      first={{ role: "", namespace: "", days: 90 }}
      make={make}
      made={(token) => <Made token={token} />}
      close={close}
    >
      <TokenFields>
        <Form.Item name="role" label={t("account.role")} extra={t("account.roleHint")}>
          <Select options={[{ value: "", label: t("account.noLimit") }, ...ROLES.map((r) => ({ value: r, label: t(`account.role.${r}`) }))]} />
        </Form.Item>
        <Form.Item name="namespace" label={t("account.namespace")}>
          <Select options={[{ value: "", label: t("account.noLimit") }, ...namespaces.map((n) => ({ value: n.name, label: n.name }))]} />
        </Form.Item>
      </TokenFields>
    </MakeDialog>
  );
}

/** One's own, or a user's for administrators. */
export function TokenList({ items }: { items: Token[] }) {
  const t = useText();
  return (
    <TokenTable
      caption={t("account.tokens")}
      items={items}
      columns={[
        { title: t("account.role"), render: (token) => (token.role ? t(`account.role.${token.role}`) : t("account.noLimit")) },
        { title: t("account.namespace"), render: (token) => token.namespace ?? t("account.noLimit") },
      ]}
      at="tokens"
      warning={t("account.deleteText")}
    />
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
        {(items) => (items.length === 0 ? <Nothing title={t("account.noTokens")} /> : <TokenList items={items} />)}
      </Shown>
      <p className="hint">
        {t("account.programs")} <Link to="/docs/api" className="in-text">{t("account.reference")}</Link>
      </p>
      {open ? <Make close={() => setOpen(false)} /> : null}
    </Section>
  );
}
