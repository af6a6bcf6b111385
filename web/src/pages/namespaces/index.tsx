// Namespaces: those that one has a role in, and for administrators all.
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { Link, useParams } from "react-router";
import type { Namespace } from "../../api";
import { useCommon } from "../../i18n/common";
import { useNamespaces } from "../../queries";
import { useMe } from "../../session";
import { useParam } from "../../ui/cursor";
import { RepositoryType } from "../../ui/domain";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { namespaceUrl, repositoriesUrl } from "../../urls";
import { MakeNamespace } from "./make";
import { NamespacePage } from "./one";
import { useText } from "./text";

function List({ items }: { items: Namespace[] }) {
  const t = useText();
  const c = useCommon();
  const admin = useMe()?.admin;
  const [q] = useParam("q");
  const found = items.filter(({ name }) => name.includes(q.trim().toLowerCase()));
  if (items.length === 0) {
    return (
      <Nothing title={t("namespaces.none")}>
        <p>{t(admin ? "namespaces.noneAdmin" : "namespaces.noneText")}</p>
      </Nothing>
    );
  }
  if (found.length === 0) return <Nothing title={t("namespaces.noMatch")} />;
  return (
    <Table
      caption={t("namespaces.title")}
      rows={found}
      rowKey={(n) => n.id}
      columns={[
        {
          title: t("namespaces.name"),
          render: (n) => (
            <Link to={namespaceUrl(n.name)} className="strong">
              {n.name}
            </Link>
          ),
        },
        { title: t("namespaces.ownRole"), render: (n) => (n.role ? c(`common.role.${n.role}`) : t("namespaces.partly")) },
        {
          title: t("namespaces.repositories"),
          narrow: true,
          render: (n) => (
            <Link to={repositoriesUrl(n.name)} aria-label={t("namespaces.repositoriesOf", { n: n.repositories, name: n.name })}>
              {n.repositories}
            </Link>
          ),
        },
        { title: t("namespaces.defaultType"), narrow: true, render: (n) => <RepositoryType type={n.defaultType} /> },
        { title: t("namespaces.created"), narrow: true, render: (n) => <Time at={n.createdAt} /> },
      ]}
    />
  );
}

function Namespaces() {
  const t = useText();
  const admin = useMe()?.admin;
  const namespaces = useNamespaces();
  const [open, setOpen] = useState(false);
  const make = (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setOpen(true)}>
      {t("namespaces.make")}
    </Button>
  );
  return (
    <Page title={t("namespaces.title")} lead={t("namespaces.lead")} actions={admin ? make : null}>
      <div className="section">
        <div className="toolbar">
          <SearchField label={t("namespaces.search")} />
        </div>
        <Shown query={namespaces}>{(items) => <List items={items} />}</Shown>
      </div>
      {open ? <MakeNamespace close={() => setOpen(false)} /> : null}
    </Page>
  );
}

export default function NamespacesScope() {
  const { name } = useParams();
  return name ? <NamespacePage key={name} name={name} /> : <Namespaces />;
}
