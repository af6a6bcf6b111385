// One's own password in place of the one that kiln serve printed.
import { Button, Form, Input } from "antd";
import { api, path, type UserChange } from "../../api";
import { useChange } from "../../queries";
import { useMe, useSignIn } from "../../session";
import { announce } from "../../ui/announce";
import { PASSWORD_LEAST } from "../../ui/password";
import { ProblemAlert } from "../../ui/states";
import { useText } from "./text";

interface Draft {
  password: string;
  again: string;
}

export function Password({ done }: { done: () => void }) {
  const t = useText();
  const user = useMe()?.name ?? "";
  const signIn = useSignIn();
  // Sessions end with the old password: a new one is begun with the new.
  const save = useChange(
    async ({ password }: Draft) => {
      await api.patch<void>(path`users/${user}`, { password } satisfies UserChange);
      await signIn.mutateAsync({ user, password });
    },
    [],
    () => {
      announce(t("setup.changed"));
      done();
    },
  );
  return (
    <Form<Draft> layout="vertical" className="form" requiredMark={false} onFinish={(draft) => save.mutate(draft)}>
      <input hidden readOnly autoComplete="username" value={user} />
      <Form.Item
        name="password"
        label={t("setup.newPassword", { user })}
        extra={t("setup.passwordHint", { n: PASSWORD_LEAST })}
        rules={[{ required: true, min: PASSWORD_LEAST, message: t("setup.short", { n: PASSWORD_LEAST }) }]}
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Form.Item
        name="again"
        label={t("setup.repeat")}
        dependencies={["password"]}
        rules={[
          ({ getFieldValue }) => ({
            validator: (_, value) => (value === getFieldValue("password") ? Promise.resolve() : Promise.reject(new Error(t("setup.differ")))),
          }),
        ]}
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      {save.error ? <ProblemAlert error={save.error} /> : null}
      <Button type="primary" htmlType="submit" loading={save.isPending}>
        {t("setup.change")}
      </Button>
    </Form>
  );
}
