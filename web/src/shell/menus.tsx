// The menus at the right of the top bar: language, theme, account.
import { ApiOutlined, BulbOutlined, GlobalOutlined, KeyOutlined, LogoutOutlined, QuestionCircleOutlined, UserOutlined } from "@ant-design/icons";
import { Button, Dropdown } from "antd";
import { useNavigate } from "react-router";
import { type Language, setPrefs, type Theme, usePrefs } from "../prefs";
import { useMe, useSignOut } from "../session";
import { showShortcuts } from "./shortcuts";
import { useShell } from "./text";

export function LanguageMenu() {
  const t = useShell();
  const { language } = usePrefs();
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        selectable: true,
        selectedKeys: [language],
        onClick: ({ key }) => setPrefs({ language: key as Language }),
        items: [
          { key: "en", label: <span lang="en">{t("shell.english")}</span> },
          { key: "zh", label: <span lang="zh-CN">{t("shell.chinese")}</span> },
        ],
      }}
    >
      <Button type="text" icon={<GlobalOutlined aria-hidden />} aria-label={t("shell.language")} title={t("shell.language")} />
    </Dropdown>
  );
}

export function ThemeMenu() {
  const t = useShell();
  const { theme } = usePrefs();
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        selectable: true,
        selectedKeys: [theme],
        onClick: ({ key }) => setPrefs({ theme: key as Theme }),
        items: [
          { key: "system", label: t("shell.themeSystem") },
          { key: "light", label: t("shell.themeLight") },
          { key: "dark", label: t("shell.themeDark") },
        ],
      }}
    >
      <Button type="text" icon={<BulbOutlined aria-hidden />} aria-label={t("shell.theme")} title={t("shell.theme")} />
    </Dropdown>
  );
}

export function AccountMenu() {
  const t = useShell();
  const me = useMe();
  const signOut = useSignOut();
  const navigate = useNavigate();
  if (!me) return null;
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        items: [
          { key: "who", label: me.name, disabled: true },
          { key: "account", icon: <KeyOutlined aria-hidden />, label: t("shell.accountPage"), onClick: () => void navigate("/account") },
          { key: "api", icon: <ApiOutlined aria-hidden />, label: t("shell.reference"), onClick: () => void navigate("/docs/api") },
          { key: "keys", icon: <QuestionCircleOutlined aria-hidden />, label: t("shell.shortcuts"), onClick: showShortcuts },
          { type: "divider" },
          { key: "out", icon: <LogoutOutlined aria-hidden />, label: t("shell.signOut"), onClick: () => signOut.mutate() },
        ],
      }}
    >
      <Button type="text" icon={<UserOutlined aria-hidden />} aria-label={t("shell.account", { name: me.name })} className="account">
        <span className="account-name">{me.name}</span>
      </Button>
    </Dropdown>
  );
}
