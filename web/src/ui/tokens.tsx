// What the tokens of users and those of workers have in common: their table, and when they expire.
import { Button, Form, Input, Select } from "antd";
import type { ReactNode } from "react";
import { api, path } from "../api";
import en from "../i18n/token.en.json";
import { textOf } from "../i18n/text";
import zh from "../i18n/token.zh.json";
import { useChange } from "../queries";
import { announce } from "./announce";
import { useConfirm } from "./confirm";
import { type Column, Table } from "./table";
import { Time } from "./values";

const useText = textOf(en, zh);
const DAY_MS = 86_400_000;
const CHOICES = [30, 90, 365];

/** For the API; 0 days: never. */
export function expiryOf(days: number): string | null {
  return days ? new Date(Date.now() + days * DAY_MS).toISOString() : null;
}

/** The fields `name` and `days` of the form around them, with those of `children` between. */
export function TokenFields({ children }: { children: ReactNode }) {
  const t = useText();
  const limits = CHOICES.map((n) => ({ value: n, label: t("token.days", { n }) }));
  return (
    <>
      <Form.Item name="name" label={t("token.name")} rules={[{ required: true, message: t("token.needed") }]}>
        <Input maxLength={64} autoComplete="off" />
      </Form.Item>
      {children}
      <Form.Item name="days" label={t("token.expires")}>
        <Select options={[...limits, { value: 0, label: t("token.never") }]} />
      </Form.Item>
    </>
  );
}

interface AnyToken {
  id: string;
  name: string;
  createdAt: string;
  expiresAt: string | null;
  usedAt: string | null;
}

interface TokenTableProps<T> {
  caption: string;
  items: T[];
  /** Between the name and the times. */
  columns: Column<T>[];
  /** Where the API has them, which is the key of their query too. */
  at: "tokens" | "worker-tokens";
  /** What becomes of those who use a token that is deleted. */
  warning: string;
}

export function TokenTable<T extends AnyToken>({ caption, items, columns, at, warning }: TokenTableProps<T>) {
  const t = useText();
  const confirm = useConfirm();
  const remove = useChange((id: string) => api.remove<void>(path`${at}/${id}`), [[at]], () => announce(t("token.deleted")));
  const ask = ({ id, name }: T) =>
    confirm({ title: t("token.deleteTitle", { name }), text: warning, ok: t("token.delete"), act: () => remove.mutateAsync(id) });
  return (
    <Table
      caption={caption}
      rows={items}
      rowKey={(token) => token.id}
      columns={[
        { title: t("token.name"), render: (token) => <span className="strong">{token.name}</span> },
        ...columns,
        { title: t("token.created"), narrow: true, render: (token) => <Time at={token.createdAt} /> },
        { title: t("token.expires"), narrow: true, render: (token) => (token.expiresAt ? <Time at={token.expiresAt} ahead /> : t("token.never")) },
        { title: t("token.used"), narrow: true, render: (token) => <Time at={token.usedAt} /> },
        {
          title: t("token.actions"),
          narrow: true,
          render: (token) => (
            <div className="actions">
              <Button type="link" danger aria-label={t("token.deleteNamed", { name: token.name })} onClick={() => ask(token)}>
                {t("token.delete")}
              </Button>
            </div>
          ),
        },
      ]}
    />
  );
}
