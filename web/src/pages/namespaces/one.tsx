// One namespace: what it is, its settings, repositories and members, and the end.
import { Button, Form } from "antd";
import type { ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import { api, type Namespace, type NamespaceChange, path } from "../../api";
import { useCommon } from "../../i18n/common";
import { useChange, useRepositories } from "../../queries";
import { useNamespace } from "../../queries-access";
import { may } from "../../roles";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { Deletion } from "../../ui/deletion";
import { RepositoryType } from "../../ui/domain";
import { Facts, Page, Section } from "../../ui/page";
import { ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { namespaceUrl, repositoriesUrl, repositoryUrl } from "../../urls";
import { Choices } from "./make";
import { Members } from "./members";
import { useText } from "./text";

const FEW = 10;

function Overview({ namespace }: { namespace: Namespace }) {
  const t = useText();
  const c = useCommon();
  const facts: Array<[string, ReactNode]> = [
    [t("namespaces.ownRole"), namespace.role ? c(`common.role.${namespace.role}`) : t("namespaces.partly")],
    [t("namespaces.defaultType"), <RepositoryType key="t" type={namespace.defaultType} />],
    [t("namespaces.autoCreate"), t(namespace.autoCreate ? "namespaces.yes" : "namespaces.no")],
    [t("namespaces.id"), <code key="i">{namespace.id}</code>],
    [t("namespaces.created"), <Time key="c" at={namespace.createdAt} />],
    [t("namespaces.updated"), <Time key="u" at={namespace.updatedAt} />],
  ];
  return (
    <Section title={t("namespaces.overview")}>
      <Facts items={facts} />
    </Section>
  );
}

function Settings({ namespace }: { namespace: Namespace }) {
  const t = useText();
  const save = useChange(
    (change: NamespaceChange) => api.patch<Namespace>(path`namespaces/${namespace.name}`, change),
    [["namespaces"]],
    () => announce(t("namespaces.saved")),
  );
  return (
    <Section title={t("namespaces.settings")}>
      <Form<NamespaceChange> layout="vertical" className="form" initialValues={namespace} onFinish={(change) => save.mutate(change)}>
        <Choices />
        {save.error ? <ProblemAlert error={save.error} /> : null}
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("namespaces.save")}
        </Button>
        {save.isSuccess ? <span className="saved">{t("namespaces.saved")}</span> : null}
      </Form>
    </Section>
  );
}

function Repositories({ name }: { name: string }) {
  const t = useText();
  const repositories = useRepositories({ namespace: name, limit: FEW });
  return (
    <Section title={t("namespaces.repositories")} actions={<Link to={repositoriesUrl(name)}>{t("namespaces.all")}</Link>}>
      <Shown query={repositories} rows={3}>
        {({ items, next }) =>
          items.length > 0 ? (
            <>
              <Table
                caption={t("namespaces.repositories")}
                rows={items}
                rowKey={(r) => r.id}
                columns={[
                  { title: t("namespaces.name"), render: (r) => <Link to={repositoryUrl(r.fullName)}>{r.fullName}</Link> },
                  { title: t("namespaces.type"), narrow: true, render: (r) => <RepositoryType type={r.type} /> },
                  { title: t("namespaces.created"), narrow: true, render: (r) => <Time at={r.createdAt} /> },
                ]}
              />
              {next ? <p className="hint">{t("namespaces.first", { n: items.length })}</p> : null}
            </>
          ) : (
            <p className="quiet">{t("namespaces.empty")}</p>
          )
        }
      </Shown>
    </Section>
  );
}

function Delete({ name }: { name: string }) {
  const t = useText();
  const navigate = useNavigate();
  const done = () => {
    announce(t("namespaces.deleted", { name }));
    void navigate(namespaceUrl());
  };
  return (
    <Deletion
      name={name}
      verb={t("namespaces.delete")}
      title={t("namespaces.deleteTitle", { name })}
      text={t("namespaces.deleteText")}
      act={() => api.remove<void>(path`namespaces/${name}`)}
      changes={[["namespaces"]]}
      done={done}
    />
  );
}

export function NamespacePage({ name }: { name: string }) {
  const t = useText();
  const me = useMe();
  const query = useNamespace(name);
  return (
    <Page title={name} crumbs={[{ text: t("namespaces.title"), to: namespaceUrl() }]}>
      <Shown query={query}>
        {(namespace) => (
          <>
            <Overview namespace={namespace} />
            <Repositories name={namespace.name} />
            <Members namespace={namespace} />
            {may(namespace, "admin") ? <Settings namespace={namespace} /> : null}
            {me?.admin ? <Delete name={namespace.name} /> : null}
          </>
        )}
      </Shown>
    </Page>
  );
}
