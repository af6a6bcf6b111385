// The branches and tags of a code source, and the image repositories that are built from it.
import { Link } from "react-router";
import type { Repository, Source, SourceRef } from "../../api";
import { useRefsOfSource, useRepositoriesOf } from "../../queries";
import { useParam } from "../../ui/cursor";
import { Ref, shortRef } from "../../ui/domain";
import { Section } from "../../ui/page";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Commit, CopyButton } from "../../ui/values";
import { repositoryUrl } from "../../urls";
import { useText } from "./text";

const SHOWN = 50;

function RefTable({ items }: { items: SourceRef[] }) {
  const t = useText();
  const [q] = useParam("ref");
  const found = items.filter((item) => shortRef(item.ref).includes(q));
  if (found.length === 0) return <Nothing title={t("sources.noSuchRef")} />;
  return (
    <>
      <Table
        caption={t("sources.refs")}
        rows={found.slice(0, SHOWN)}
        rowKey={(item) => item.ref}
        columns={[
          { title: t("sources.ref"), render: (item) => <Ref name={item.ref} /> },
          {
            title: t("sources.commit"),
            narrow: true,
            render: (item) => (
              <span className="digest">
                <Commit id={item.commit} />
                <CopyButton text={item.commit} what={t("sources.commitOf", { ref: shortRef(item.ref) })} />
              </span>
            ),
          },
        ]}
      />
      {found.length > SHOWN ? <p className="quiet">{t("sources.refsShown", { n: found.length - SHOWN })}</p> : null}
    </>
  );
}

export function Refs({ source }: { source: Source }) {
  const t = useText();
  const refs = useRefsOfSource(source.id);
  return (
    <Section title={t("sources.refs")}>
      <Shown query={refs} rows={3}>
        {({ items, more }) =>
          items.length === 0 ? (
            <Nothing title={t("sources.noRefs")} />
          ) : (
            <>
              <p className="hint">{t("sources.refsLead")}</p>
              <div className="toolbar">
                <SearchField label={t("sources.findRef")} param="ref" />
              </div>
              {more ? <p className="hint">{t("sources.refsCut", { n: items.length })}</p> : null}
              <RefTable items={items} />
            </>
          )
        }
      </Shown>
    </Section>
  );
}

function RepositoryTable({ items }: { items: Repository[] }) {
  const t = useText();
  const yes = (on: boolean | undefined) => t(on ? "sources.yes" : "sources.no");
  return (
    <Table
      caption={t("sources.used")}
      rows={items}
      rowKey={(r) => r.id}
      columns={[
        {
          title: t("sources.repository"),
          render: (r) => (
            <Link to={repositoryUrl(r.fullName)} className="strong">
              {r.fullName}
            </Link>
          ),
        },
        { title: t("sources.auto"), narrow: true, render: (r) => yes(r.source?.autoBuild) },
        { title: t("sources.noCache"), narrow: true, render: (r) => yes(r.source?.noCache) },
        { title: t("sources.pool"), render: (r) => <span className="given">{r.source?.pool || t("sources.defaultPool")}</span> },
      ]}
    />
  );
}

export function UsedBy({ source }: { source: Source }) {
  const t = useText();
  const repositories = useRepositoriesOf({ source: source.id });
  return (
    <Section title={t("sources.used")}>
      <Shown query={repositories} rows={2}>
        {({ items, more }) => (
          <>
            {items.length === 0 ? <Nothing title={t("sources.notUsed")} /> : <RepositoryTable items={items} />}
            {more ? <p className="quiet">{t("sources.usedCut", { n: items.length })}</p> : null}
          </>
        )}
      </Shown>
    </Section>
  );
}
