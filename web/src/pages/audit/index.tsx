// The audit log: every change, the newest first; administrators only.
import { Button } from "antd";
import { Link, useNavigate } from "react-router";
import { type AuditEntry, withQuery } from "../../api";
import { type AuditFilter, useAudit } from "../../queries";
import { CursorPager, useParam } from "../../ui/cursor";
import { Page, Section } from "../../ui/page";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { Export } from "./export";
import { useText } from "./text";

function Detail({ entry }: { entry: AuditEntry }) {
  const members = Object.entries(entry.detail);
  if (members.length === 0) return <span className="quiet">–</span>;
  return <code>{members.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(" ")}</code>;
}

/** A value of an entry, which leads to the entries that have it too. */
function Only({ filter, name, value }: { filter: AuditFilter; name: keyof AuditFilter; value: string }) {
  const t = useText();
  if (!value) return <span className="quiet">–</span>;
  // A user's name stays in one piece.
  const text = name === "actor" ? <span className="strong">{value}</span> : <code>{value}</code>;
  if (filter[name] === value) return text;
  return (
    <Link to={withQuery("/audit", { ...filter, [name]: value })} title={t("audit.onlyThis", { what: value })}>
      {text}
    </Link>
  );
}

function List({ items, filter }: { items: AuditEntry[]; filter: AuditFilter }) {
  const t = useText();
  const navigate = useNavigate();
  if (items.length === 0 && Object.values(filter).some(Boolean)) {
    return (
      <Nothing title={t("audit.noMatch")}>
        <Button onClick={() => void navigate("/audit")}>{t("audit.clear")}</Button>
      </Nothing>
    );
  }
  if (items.length === 0) return <Nothing title={t("audit.none")} />;
  return (
    <Table
      caption={t("audit.title")}
      rows={items}
      rowKey={(entry) => String(entry.seq)}
      columns={[
        { title: t("audit.time"), narrow: true, render: (entry) => <Time at={entry.time} /> },
        { title: t("audit.who"), render: (entry) => <Only filter={filter} name="actor" value={entry.actor} /> },
        { title: t("audit.from"), narrow: true, render: (entry) => <code>{entry.remote || "–"}</code> },
        { title: t("audit.action"), narrow: true, render: (entry) => <Only filter={filter} name="action" value={entry.action} /> },
        { title: t("audit.target"), render: (entry) => <Only filter={filter} name="target" value={entry.target} /> },
        { title: t("audit.detail"), render: (entry) => <Detail entry={entry} /> },
      ]}
    />
  );
}

export default function Audit() {
  const t = useText();
  const [actor] = useParam("actor");
  const [action] = useParam("action");
  const [target] = useParam("target");
  const [cursor] = useParam("cursor");
  const filter = { actor, action, target };
  const audit = useAudit({ ...filter, cursor });
  return (
    <Page title={t("audit.title")} lead={t("audit.lead")}>
      <Section title={t("audit.entries")}>
        <div className="toolbar">
          <SearchField label={t("audit.byActor")} param="actor" />
          <SearchField label={t("audit.byAction")} param="action" />
          <SearchField label={t("audit.byTarget")} param="target" />
        </div>
        <Export filter={filter} key={JSON.stringify(filter)} />
        <Shown query={audit}>
          {(page) => (
            <>
              <List items={page.items} filter={filter} />
              <CursorPager next={page.next} busy={audit.isPlaceholderData} />
            </>
          )}
        </Shown>
      </Section>
    </Page>
  );
}
