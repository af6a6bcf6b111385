// Signing in, at whatever address one came to.
import { Alert, Button, Form, Input } from "antd";
import { useEffect, useState } from "react";
import { ApiError } from "../api";
import mark from "../mark.svg";
import { useSignIn } from "../session";
import { useNow } from "../ui/clock";
import { ProblemAlert } from "../ui/states";
import { LanguageMenu, ThemeMenu } from "./menus";
import { useShell } from "./text";

interface Login {
  user: string;
  password: string;
}

/** Seconds until another try is allowed. */
function useWait(error: Error | null): number {
  const [until, setUntil] = useState(0);
  const now = useNow(until > 0);
  useEffect(() => {
    const limited = error instanceof ApiError && error.status === 429;
    setUntil(limited ? Date.now() + 1000 * (error.retryAfterSeconds ?? 60) : 0);
  }, [error]);
  return Math.max(0, Math.ceil((until - now) / 1000));
}

function Trouble({ error, wait }: { error: Error | null; wait: number }) {
  const t = useShell();
  if (wait > 0) return <Alert type="warning" showIcon role="alert" title={t("shell.waitLogin", { n: wait })} />;
  if (!error) return null;
  if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 429)) return <ProblemAlert error={error} />;
  if (error.status === 429) return null;
  return <Alert type="error" showIcon role="alert" title={t("shell.wrongLogin")} />;
}

export function SignIn() {
  const t = useShell();
  const signIn = useSignIn();
  const wait = useWait(signIn.error);
  useEffect(() => {
    document.title = `${t("shell.signIn")} · kiln`;
  }, [t]);
  return (
    <>
      <header className="signin-bar">
        <LanguageMenu />
        <ThemeMenu />
      </header>
      <main className="alone signin">
        <img src={mark} alt="" width={56} height={56} />
        <h1>{t("shell.signInTitle")}</h1>
        <Form<Login> layout="vertical" requiredMark={false} onFinish={(login) => signIn.mutate(login)}>
          <Form.Item name="user" label={t("shell.user")} rules={[{ required: true, message: t("shell.userMissing") }]}>
            <Input size="large" autoFocus autoComplete="username" autoCapitalize="none" spellCheck={false} />
          </Form.Item>
          <Form.Item name="password" label={t("shell.password")} rules={[{ required: true, message: t("shell.passwordMissing") }]}>
            <Input.Password size="large" autoComplete="current-password" />
          </Form.Item>
          <Trouble error={signIn.error} wait={wait} />
          <Button type="primary" size="large" block htmlType="submit" loading={signIn.isPending} disabled={wait > 0}>
            {t("shell.signIn")}
          </Button>
        </Form>
        <p className="quiet">{t("shell.firstUser")}</p>
      </main>
    </>
  );
}
