// The audit log: every change, the newest first; administrators only.
import { Input } from "antd";
import { useState } from "react";
import { type AuditEntry } from "../../api";
import en from "../../i18n/audit.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/audit.zh.json";
import { useAudit } from "../../queries";
import { CursorPager, useParam } from "../../ui/cursor";
import { Page, Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";

const useText = textOf(en, zh);

function Detail({ entry }: { entry: AuditEntry }) {
  const members = Object.entries(entry.detail);
  if (members.length === 0) return <span className="quiet">–</span>;
  return <code>{members.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(" ")}</code>;
}

function List({ items }: { items: AuditEntry[] }) {
  const t = useText();
  if (items.length === 0) return <Nothing title={t("audit.none")} />;
  return (
    <Table
      caption={t("audit.title")}
      rows={items}
      rowKey={(entry) => String(entry.seq)}
      columns={[
        { title: t("audit.time"), narrow: true, render: (entry) => <Time at={entry.time} /> },
        { title: t("audit.who"), render: (entry) => <span className="strong">{entry.actor || "–"}</span> },
        { title: t("audit.from"), narrow: true, render: (entry) => <code>{entry.remote || "–"}</code> },
        { title: t("audit.action"), narrow: true, render: (entry) => <code>{entry.action}</code> },
        { title: t("audit.target"), render: (entry) => <code>{entry.target}</code> },
        { title: t("audit.detail"), render: (entry) => <Detail entry={entry} /> },
      ]}
    />
  );
}

export default function Audit() {
  const t = useText();
  const [actor, setActor] = useParam("actor");
  const [cursor] = useParam("cursor");
  const [typed, setTyped] = useState(actor);
  const audit = useAudit({ actor, cursor });
  return (
    <Page title={t("audit.title")} lead={t("audit.lead")}>
      <Section title={t("audit.entries")}>
        <div className="toolbar">
          <Input.Search
            value={typed}
            allowClear
            placeholder={t("audit.filter")}
            aria-label={t("audit.filter")}
            onChange={(event) => setTyped(event.target.value)}
            onSearch={(value) => setActor(value.trim())}
          />
        </div>
        <Shown query={audit}>
          {(page) => (
            <>
              <List items={page.items} />
              <CursorPager next={page.next} busy={audit.isPlaceholderData} />
            </>
          )}
        </Shown>
      </Section>
    </Page>
  );
}
