// Who has which role in a namespace, or in one repository of it.
import { Button } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { api, type Member, type Namespace, path, withQuery } from "../../api";
import { useCommon } from "../../i18n/common";
import { useChange } from "../../queries";
import { useMembers } from "../../queries-access";
import { may } from "../../roles";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { repositoryUrl } from "../../urls";
import { MemberDialog } from "./member";
import { useText } from "./text";

const placeOf = (namespace: string, { repository }: Member) => (repository ? `${namespace}/${repository}` : namespace);

function useColumns(namespace: string): Column<Member>[] {
  const t = useText();
  const c = useCommon();
  const me = useMe();
  return [
    {
      title: t("namespaces.user"),
      render: ({ user }) => (me?.admin ? <Link to={`/users/${user}`}>{user}</Link> : <span className="strong">{user}</span>),
    },
    {
      title: t("namespaces.where"),
      render: (m) =>
        m.repository ? <Link to={repositoryUrl(placeOf(namespace, m))}>{placeOf(namespace, m)}</Link> : t("namespaces.whole"),
    },
    {
      title: t("namespaces.role"),
      render: ({ role }) => (
        <div>
          <span className="strong">{c(`common.role.${role}`)}</span>
          <p className="quiet">{t(`namespaces.may.${role}`)}</p>
        </div>
      ),
    },
    { title: t("namespaces.since"), narrow: true, render: (m) => <Time at={m.createdAt} /> },
  ];
}

interface ListProps {
  namespace: Namespace;
  items: Member[];
  change: (member: Member) => void;
}

function List({ namespace: { name, role }, items, change }: ListProps) {
  const t = useText();
  const confirm = useConfirm();
  const me = useMe();
  const columns = useColumns(name);
  const remove = useChange(
    ({ user, repository }: Member) => api.remove<void>(withQuery(path`namespaces/${name}/members/${user}`, { repository })),
    [["namespaces"]],
    (_, { user }) => announce(t("namespaces.removed", { user })),
  );
  const named = (member: Member) => ({ user: member.user, place: placeOf(name, member) });
  const ask = (member: Member) =>
    confirm({
      title: t("namespaces.removeTitle", named(member)),
      text: t(member.user === me?.name && !me.admin ? "namespaces.removeOwn" : "namespaces.removeText"),
      ok: t("namespaces.remove"),
      act: () => remove.mutateAsync(member),
    });
  const actions: Column<Member> = {
    title: t("namespaces.actions"),
    narrow: true,
    render: (m) => (
      <div className="actions">
        <Button type="link" aria-label={t("namespaces.changeNamed", named(m))} onClick={() => change(m)}>
          {t("namespaces.change")}
        </Button>
        <Button type="link" danger aria-label={t("namespaces.removeNamed", named(m))} onClick={() => ask(m)}>
          {t("namespaces.remove")}
        </Button>
      </div>
    ),
  };
  return (
    <Table
      caption={t("namespaces.members")}
      rows={items}
      rowKey={(m) => placeOf(m.user, m)}
      columns={may({ role }, "admin") ? [...columns, actions] : columns}
    />
  );
}

function Known({ namespace }: { namespace: Namespace }) {
  const t = useText();
  const members = useMembers(namespace.name);
  // A member to change, or none: a new one.
  const [open, setOpen] = useState<Member | "new" | null>(null);
  const add = (
    <Button type="primary" onClick={() => setOpen("new")}>
      {t("namespaces.add")}
    </Button>
  );
  return (
    <Section title={t("namespaces.members")} actions={may(namespace, "admin") ? add : null}>
      <Shown query={members} rows={3}>
        {(items) =>
          items.length > 0 ? (
            <List namespace={namespace} items={items} change={setOpen} />
          ) : (
            <p className="quiet">{t("namespaces.noMembers")}</p>
          )
        }
      </Shown>
      {open ? (
        <MemberDialog
          namespace={namespace.name}
          members={members.data ?? []}
          member={open === "new" ? undefined : open}
          close={() => setOpen(null)}
        />
      ) : null}
    </Section>
  );
}

export function Members({ namespace }: { namespace: Namespace }) {
  const t = useText();
  const c = useCommon();
  if (may(namespace, "maintain")) return <Known namespace={namespace} />;
  return (
    <Section title={t("namespaces.members")}>
      <p className="quiet">
        {t("namespaces.hidden", {
          role: c("common.role.maintain"),
          own: namespace.role ? c(`common.role.${namespace.role}`) : t("namespaces.partly"),
        })}
      </p>
    </Section>
  );
}
