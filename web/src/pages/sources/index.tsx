// Code Sources: where code comes from, and whether it can be reached.
import { Button } from "antd";
import { useState } from "react";
import { Link, useParams } from "react-router";
import type { Source } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useSources } from "../../queries";
import { SourceState } from "../../ui/hook";
import { Page, Section } from "../../ui/page";
import { useMayMake } from "../../ui/roles";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { sourceUrl } from "../../urls";
import { AddSource } from "./add";
import { SourcePage } from "./one";
import { useText } from "./text";

function List({ items }: { items: Source[] }) {
  const t = useText();
  const d = useDomain();
  if (items.length === 0) return <Nothing title={t("sources.none")} />;
  return (
    <Table
      caption={t("sources.title")}
      rows={items}
      rowKey={(s) => s.id}
      columns={[
        {
          title: t("sources.name"),
          render: (s) => (
            <Link to={sourceUrl(s.id)} className="strong">
              {s.namespace}/{s.name}
            </Link>
          ),
        },
        { title: t("sources.provider"), narrow: true, render: (s) => d(`domain.source.${s.provider}`) },
        { title: t("sources.address"), render: (s) => <code>{s.url}</code> },
        { title: t("sources.state"), render: (s) => <SourceState source={s} /> },
        { title: t("sources.looked"), narrow: true, render: (s) => <Time at={s.lastLookAt} /> },
      ]}
    />
  );
}

function Sources() {
  const t = useText();
  const sources = useSources();
  const mayMake = useMayMake();
  const [open, setOpen] = useState(false);
  return (
    <Page
      title={t("sources.title")}
      lead={t("sources.lead")}
      actions={
        mayMake ? (
          <Button type="primary" onClick={() => setOpen(true)}>
            {t("sources.add")}
          </Button>
        ) : null
      }
    >
      <Section title={t("sources.all")}>
        <Shown query={sources}>{(items) => <List items={items} />}</Shown>
      </Section>
      {open ? <AddSource close={() => setOpen(false)} /> : null}
    </Page>
  );
}

export default function SourcesScope() {
  const { id } = useParams();
  return id ? <SourcePage id={id} /> : <Sources />;
}
