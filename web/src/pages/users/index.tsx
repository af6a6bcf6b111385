// Users: who may sign in; administrators only.
import { Button } from "antd";
import { useState } from "react";
import { Link, useParams } from "react-router";
import type { User } from "../../api";
import { useUsers } from "../../queries-access";
import { useMe } from "../../session";
import { useParam } from "../../ui/cursor";
import { Page } from "../../ui/page";
import { AdminsOnly } from "../../ui/roles";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { MakeUser } from "./make";
import { find } from "./model";
import { UserPage } from "./one";
import { Marks } from "./parts";
import { useText } from "./text";

const MOST = 200;

function List({ users }: { users: User[] }) {
  const t = useText();
  const me = useMe();
  const [q] = useParam("q");
  const { shown, more } = find(users, q, MOST);
  if (shown.length === 0) return <Nothing title={t("users.nobody")} />;
  return (
    <>
      <Table
        caption={t("users.title")}
        rows={shown}
        rowKey={(user) => user.id}
        columns={[
          {
            title: t("users.name"),
            render: (user) => (
              <>
                <Link to={`/users/${user.name}`} className="strong">
                  {user.name}
                </Link>
                {user.name === me?.name ? <span className="quiet"> {t("users.you")}</span> : null}
              </>
            ),
          },
          { title: t("users.state"), render: (user) => <Marks user={user} /> },
          { title: t("users.created"), narrow: true, render: (user) => <Time at={user.createdAt} /> },
        ]}
      />
      {more > 0 ? <p className="hint">{t("users.more", { n: more })}</p> : null}
    </>
  );
}

function All() {
  const t = useText();
  const users = useUsers();
  return (
    <div className="section">
      <div className="toolbar">
        <SearchField label={t("users.search")} />
      </div>
      <Shown query={users}>{(items) => <List users={items} />}</Shown>
    </div>
  );
}

function Users() {
  const t = useText();
  const me = useMe();
  const [open, setOpen] = useState(false);
  const make = (
    <Button type="primary" onClick={() => setOpen(true)}>
      {t("users.make")}
    </Button>
  );
  return (
    <Page title={t("users.title")} lead={t("users.lead")} actions={me?.admin ? make : null}>
      <AdminsOnly>
        <All />
        {open ? <MakeUser close={() => setOpen(false)} /> : null}
      </AdminsOnly>
    </Page>
  );
}

export default function UsersScope() {
  const { name } = useParams();
  return name ? <UserPage key={name} name={name} /> : <Users />;
}
