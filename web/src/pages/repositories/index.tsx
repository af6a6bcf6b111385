// The list of image repositories, with filters in the address.
import { PlusOutlined } from "@ant-design/icons";
import { Button, Select } from "antd";
import { Link, useNavigate } from "react-router";
import { type Repository, serverUrl } from "../../api";
import en from "../../i18n/repos.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/repos.zh.json";
import type { Ask } from "../../lazy";
import { repositoriesQuery, useBuilds, useNamespaces, useRepositories, useTags } from "../../queries";
import { useMayMake } from "../../ui/roles";
import { useShortcut } from "../../shell/shortcuts";
import { CursorPager, useParam } from "../../ui/cursor";
import { Platforms, RepositoryType, useBuildSentence } from "../../ui/domain";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Command, StatePill, Time } from "../../ui/values";
import { buildUrl, namespaceUrl, repositoryUrl } from "../../urls";

const useText = textOf(en, zh);
const PAGE_SIZE = 25;

export const ask: Ask = (client, { search }) => {
  const value = (name: string) => search.get(name) ?? "";
  const filter = { namespace: value("namespace"), q: value("q"), cursor: value("cursor"), limit: PAGE_SIZE };
  return [client.prefetchQuery(repositoriesQuery(filter))];
};

function LastBuild({ repository }: { repository: Repository }) {
  const t = useText();
  const sentence = useBuildSentence();
  const { data } = useBuilds({ repository: repository.fullName, limit: 1 }, repository.canBuild);
  if (!repository.canBuild) return <span className="quiet">{t("repos.noSource")}</span>;
  const build = data?.items[0];
  if (!data) return null;
  if (!build) return <Link to={repositoryUrl(repository.fullName, "build")}>{t("repos.noBuild")}</Link>;
  return (
    <Link to={buildUrl(repository.fullName, build.id)} className="plain">
      <StatePill state={build.status} sentence={sentence(build)} />
    </Link>
  );
}

function Architectures({ repository }: { repository: Repository }) {
  const { data } = useTags(repository.fullName, { limit: 1 });
  const platforms = data?.items[0]?.platforms.flatMap(({ platform }) => platform ?? []) ?? [];
  return platforms.length > 0 ? <Platforms platforms={platforms} /> : <span className="quiet">–</span>;
}

function useColumns(): Column<Repository>[] {
  const t = useText();
  return [
    {
      title: t("repos.name"),
      render: (r) => (
        <div>
          <Link to={repositoryUrl(r.fullName)} className="strong">
            {r.fullName}
          </Link>
          {r.summary ? <p className="quiet">{r.summary}</p> : null}
        </div>
      ),
    },
    { title: t("repos.type"), narrow: true, render: (r) => <RepositoryType type={r.type} /> },
    { title: t("repos.build"), render: (r) => <LastBuild repository={r} /> },
    { title: t("repos.architectures"), render: (r) => <Architectures repository={r} /> },
    { title: t("repos.created"), narrow: true, render: (r) => <Time at={r.createdAt} /> },
    {
      title: t("repos.actions"),
      narrow: true,
      render: (r) => (
        <Link to={repositoryUrl(r.fullName)} aria-label={t("repos.manageNamed", { name: r.fullName })}>
          {t("repos.manage")}
        </Link>
      ),
    },
  ];
}

function NamespaceField() {
  const t = useText();
  const [namespace, setNamespace] = useParam("namespace");
  const names = useNamespaces().data?.map((n) => n.name) ?? [];
  return (
    <Select
      className="filter"
      aria-label={t("repos.namespace")}
      value={namespace}
      onChange={setNamespace}
      showSearch
      options={[{ value: "", label: t("repos.allNamespaces") }, ...names.map((name) => ({ value: name, label: name }))]}
    />
  );
}

function Empty({ filtered }: { filtered: boolean }) {
  const t = useText();
  const navigate = useNavigate();
  const mayMake = useMayMake();
  const namespaces = useNamespaces().data;
  const host = new URL(serverUrl("")).host;
  if (filtered) {
    return (
      <Nothing title={t("repos.noMatch")}>
        <Button onClick={() => void navigate("/repositories")}>{t("repos.clear")}</Button>
      </Nothing>
    );
  }
  if (!mayMake) {
    return (
      <Nothing title={t("repos.empty")}>
        <p>{t("repos.noRole")}</p>
      </Nothing>
    );
  }
  if (namespaces?.length === 0) {
    return (
      <Nothing title={t("repos.empty")}>
        <p>{t("repos.noNamespace")}</p>
        <Button type="primary" onClick={() => void navigate(namespaceUrl())}>
          {t("repos.makeNamespace")}
        </Button>
      </Nothing>
    );
  }
  return (
    <Nothing title={t("repos.empty")}>
      <p>{t("repos.emptyText")}</p>
      <p className="quiet">{t("repos.pushText")}</p>
      <Command
        what={t("repos.pushCommand")}
        text={`docker login ${host}\ndocker tag IMAGE ${host}/NAMESPACE/NAME:latest\ndocker push ${host}/NAMESPACE/NAME:latest`}
      />
    </Nothing>
  );
}

function Create() {
  const t = useText();
  const navigate = useNavigate();
  const create = () => void navigate("/repositories/new");
  useShortcut("n", t("repos.newKey"), create);
  return (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={create}>
      {t("repos.create")}
    </Button>
  );
}

export default function Repositories() {
  const t = useText();
  const mayMake = useMayMake();
  const columns = useColumns();
  const [namespace] = useParam("namespace");
  const [q] = useParam("q");
  const [cursor] = useParam("cursor");
  const query = useRepositories({ namespace, q, cursor, limit: PAGE_SIZE });
  return (
    <Page title={t("repos.title")} actions={mayMake ? <Create /> : null}>
      <div className="section">
        <div className="toolbar">
          <NamespaceField />
          <Link to={namespace ? namespaceUrl(namespace) : namespaceUrl()} className="toolbar-link">
            {namespace ? t("repos.ofNamespace", { name: namespace }) : t("repos.namespaces")}
          </Link>
          <SearchField label={t("repos.search")} />
        </div>
        <Shown query={query}>
          {(page) =>
            page.items.length === 0 ? (
              <Empty filtered={Boolean(namespace || q)} />
            ) : (
              <Table caption={t("repos.title")} columns={columns} rows={page.items} rowKey={(r) => r.id} />
            )
          }
        </Shown>
        <CursorPager next={query.data?.next} busy={query.isPlaceholderData} />
      </div>
    </Page>
  );
}
