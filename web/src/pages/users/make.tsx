// A new user. A password that was generated is shown until the dialog closes.
import { Form, Input, Switch } from "antd";
import { useState } from "react";
import { api, type NewUser, type User } from "../../api";
import { useChange } from "../../queries";
import { announce } from "../../ui/announce";
import { MakeDialog } from "../../ui/make";
import { PASSWORD_LEAST } from "../../ui/password";
import { Once, PasswordField } from "./parts";
import { useText } from "./text";

interface Draft {
  name: string;
  password?: string;
  admin: boolean;
}

const requestOf = ({ name, password, admin }: Draft): NewUser => ({ name, password: password || null, admin });

export function MakeUser({ close }: { close: () => void }) {
  const t = useText();
  const [generated, setGenerated] = useState("");
  const make = useChange(
    (draft: Draft) => api.post<User>("users", requestOf(draft)),
    [["users"]],
    ({ name }, { password }) => {
      announce(t("users.made", { name }));
      if (!generated || password !== generated) close();
    },
  );
  return (
    <MakeDialog<Draft, User>
      title={t("users.make")}
      ok={t("users.make")}
      first={{ admin: false }}
      make={make}
      made={({ name }) => (
        <>
          <p>{t("users.made", { name })}</p>
          <Once password={generated} />
        </>
      )}
      close={close}
    >
      <Form.Item name="name" label={t("users.name")} rules={[{ required: true, message: t("users.needed") }]} extra={t("users.nameHint")}>
        <Input autoFocus maxLength={64} autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Form.Item>
      <Form.Item
        name="password"
        label={t("users.password")}
        rules={[{ min: PASSWORD_LEAST, message: t("users.short", { n: PASSWORD_LEAST }) }]}
        extra={t("users.passwordHint", { n: PASSWORD_LEAST })}
      >
        <PasswordField generated={generated} setGenerated={setGenerated} />
      </Form.Item>
      <Form.Item name="admin" label={t("users.mark.admin")} valuePropName="checked" extra={t("users.ask.promote.text")}>
        <Switch />
      </Form.Item>
    </MakeDialog>
  );
}
