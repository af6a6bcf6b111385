// What the list and the page of a user share: marks, and a password that is typed or generated.
import { KeyOutlined, SafetyCertificateFilled } from "@ant-design/icons";
import { Button, Input } from "antd";
import type { ReactNode } from "react";
import type { User } from "../../api";
import { Pill, type Tone } from "../../ui/pill";
import { Command } from "../../ui/values";
import { type Mark, makePassword, marksOf } from "./model";
import { useText } from "./text";

const MARKS: Record<Mark, [Tone, ReactNode?]> = {
  admin: ["run", <SafetyCertificateFilled key="i" />],
  disabled: ["off"],
  noPassword: ["wait", <KeyOutlined key="i" />],
  active: ["good"],
};

/** Icon and word for each. */
export function Marks({ user }: { user: User }) {
  const t = useText();
  return (
    <span className="chips">
      {marksOf(user).map((mark) => {
        const [tone, icon] = MARKS[mark];
        return (
          <Pill key={mark} tone={tone} icon={icon}>
            {t(`users.mark.${mark}`)}
          </Pill>
        );
      })}
    </span>
  );
}

/** A password that kiln does not show again. */
export function Once({ password }: { password: string }) {
  const t = useText();
  return (
    <div className="stack-small">
      <p className="hint">{t("users.once")}</p>
      <Command what={t("users.thePassword")} text={password} />
    </div>
  );
}

interface PasswordProps {
  generated: string;
  setGenerated: (password: string) => void;
  value?: string;
  onChange?: (value: string) => void;
}

/** For Form.Item, which gives the value and more. What was generated is shown for as long as it is the value. */
export function PasswordField({ generated, setGenerated, value = "", onChange, ...item }: PasswordProps) {
  const t = useText();
  const generate = () => {
    const password = makePassword();
    setGenerated(password);
    onChange?.(password);
  };
  return (
    <div className="stack-small">
      <div className="row">
        <Input.Password
          {...item}
          className="grow"
          value={value}
          autoComplete="new-password"
          onChange={(event) => onChange?.(event.target.value)}
        />
        <Button onClick={generate}>{t("users.generate")}</Button>
      </div>
      {generated && generated === value ? <Once password={generated} /> : null}
    </div>
  );
}
