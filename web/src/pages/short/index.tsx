// Short addresses that stay: /b/BUILD and /d/DIGEST look up where that is, and go there.
import { Link, Navigate, useLocation, useParams } from "react-router";
import { hasStatus, type Repository } from "../../api";
import en from "../../i18n/short.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/short.zh.json";
import { useBuild, useRepositoriesOf } from "../../queries";
import { buildUrl, manifestUrl } from "../../urls";
import { RepositoryType } from "../../ui/domain";
import { Page, Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Digest } from "../../ui/values";
import NotFound from "../notfound";

const useText = textOf(en, zh);

/** The address is wrong, what it names is gone, or is not for everybody: the server does not say which. */
const isNothing = (error: Error | null) => hasStatus(error, 400, 403, 404);

/** With what follows the address: a view, a line of the log. */
function Go({ to }: { to: string }) {
  const { search, hash } = useLocation();
  return <Navigate replace to={{ pathname: to, search, hash }} />;
}

function OfBuild({ id }: { id: string }) {
  const t = useText();
  const build = useBuild(id);
  if (build.data) return <Go to={buildUrl(build.data.repository, build.data.id)} />;
  if (isNothing(build.error)) return <NotFound title={t("short.noBuild")} text={t("short.noBuildText", { id })} />;
  return (
    <Page title={t("short.looking")}>
      <Shown query={build}>{() => null}</Shown>
    </Page>
  );
}

function Choice({ items, digest, more }: { items: Repository[]; digest: string; more: boolean }) {
  const t = useText();
  return (
    <Page title={t("short.several", { n: items.length })} lead={<Digest digest={digest} />}>
      <Section title={t("short.choose")}>
        <Table
          caption={t("short.choose")}
          rows={items}
          rowKey={(r) => r.id}
          columns={[
            {
              title: t("short.repository"),
              render: (r) => (
                <Link to={manifestUrl(r.fullName, digest)} className="strong">
                  {r.fullName}
                </Link>
              ),
            },
            { title: t("short.type"), narrow: true, render: (r) => <RepositoryType type={r.type} /> },
            { title: t("short.summary"), render: (r) => <span className="given">{r.summary || "–"}</span> },
          ]}
        />
        {more ? <p className="quiet">{t("short.more")}</p> : null}
      </Section>
    </Page>
  );
}

function OfDigest({ digest }: { digest: string }) {
  const t = useText();
  const holders = useRepositoriesOf({ digest }, 500);
  const items = holders.data?.items;
  if (items?.length === 0 || isNothing(holders.error)) {
    return <NotFound title={t("short.noDigest")} text={t("short.noDigestText", { digest })} />;
  }
  const [only, another] = items ?? [];
  if (only && !another) return <Go to={manifestUrl(only.fullName, digest)} />;
  if (items) return <Choice items={items} digest={digest} more={holders.data?.more ?? false} />;
  return (
    <Page title={t("short.looking")}>
      <Shown query={holders}>{() => null}</Shown>
    </Page>
  );
}

export default function Short() {
  const { build, digest } = useParams();
  return build === undefined ? <OfDigest digest={digest ?? ""} /> : <OfBuild id={build} />;
}
