// Gives a user a role in a namespace or in one repository of it.
import { AutoComplete, Form, Input, Modal, Radio, Select } from "antd";
import { api, type Member, type MemberRole, path } from "../../api";
import { useCommon } from "../../i18n/common";
import { useChange } from "../../queries";
import { useRepositoriesIn, useUsers } from "../../queries-access";
import { ROLES } from "../../roles";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { ProblemAlert } from "../../ui/states";
import { useText } from "./text";

interface Draft {
  user: string;
  /** Empty: all of the namespace. */
  repository: string;
  role: Member["role"];
}

interface Props {
  namespace: string;
  members: Member[];
  /** Whose role changes; undefined: someone gets one. */
  member?: Member;
  close: () => void;
}

/** Administrators choose among all users; others see none but themselves, and type. */
function UserField(item: { value?: string; onChange?: (value: string) => void }) {
  const users = useUsers(Boolean(useMe()?.admin)).data ?? [];
  return (
    <AutoComplete
      {...item}
      autoFocus
      options={users.map(({ name }) => ({ value: name }))}
      showSearch={{ filterOption: (typed, option) => Boolean(option?.value.includes(typed)) }}
    >
      <Input autoCapitalize="none" spellCheck={false} />
    </AutoComplete>
  );
}

function Roles(item: { value?: string }) {
  const t = useText();
  const c = useCommon();
  return (
    <Radio.Group
      {...item}
      className="choices"
      options={ROLES.map((role) => ({
        value: role,
        label: (
          <>
            <span className="strong">{c(`common.role.${role}`)}</span> <span className="quiet">{t(`namespaces.may.${role}`)}</span>
          </>
        ),
      }))}
    />
  );
}

/** What is there already at that place. */
function Present({ members }: { members: Member[] }) {
  const t = useText();
  const c = useCommon();
  const { user, repository, role } = Form.useWatch((draft: Draft) => draft) ?? {};
  const present = members.find((m) => m.user === user && (m.repository ?? "") === repository);
  if (!present || present.role === role) return null;
  return <p className="hint">{t("namespaces.replaces", { user: present.user, role: c(`common.role.${present.role}`) })}</p>;
}

export function MemberDialog({ namespace, members, member, close }: Props) {
  const t = useText();
  const [form] = Form.useForm<Draft>();
  const repositories = useRepositoriesIn(namespace).data ?? [];
  const save = useChange(
    ({ user, repository, role }: Draft) =>
      api.put<Member>(path`namespaces/${namespace}/members/${user}`, { role, repository: repository || null } satisfies MemberRole),
    [["namespaces"]],
    ({ user }) => {
      announce(t("namespaces.given", { user }));
      close();
    },
  );
  const first: Partial<Draft> = member ? { ...member, repository: member.repository ?? "" } : { repository: "", role: "view" };
  const places = [...new Set([...repositories.map(({ name }) => name), ...(member?.repository ? [member.repository] : [])])];
  const needed = { required: true, message: t("namespaces.needed") };
  return (
    <Modal
      open
      title={member ? t("namespaces.changeTitle", { user: member.user, namespace }) : t("namespaces.addTitle", { namespace })}
      okText={t(member ? "namespaces.save" : "namespaces.add")}
      confirmLoading={save.isPending}
      onOk={() => form.submit()}
      onCancel={close}
    >
      <Form<Draft> form={form} layout="vertical" initialValues={first} onFinish={(draft) => save.mutate(draft)}>
        <Form.Item name="user" label={t("namespaces.user")} rules={[needed]} hidden={Boolean(member)}>
          <UserField />
        </Form.Item>
        <Form.Item name="repository" label={t("namespaces.where")}>
          <Select
            disabled={Boolean(member)}
            showSearch
            options={[
              { value: "", label: t("namespaces.whole") },
              ...places.map((name) => ({ value: name, label: `${namespace}/${name}` })),
            ]}
          />
        </Form.Item>
        <Form.Item name="role" label={t("namespaces.role")}>
          <Roles />
        </Form.Item>
        {member ? null : <Present members={members} />}
        {save.error ? <ProblemAlert error={save.error} /> : null}
      </Form>
    </Modal>
  );
}
