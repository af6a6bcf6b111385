// How a code source is reached: what is asked for when it is made, and when it is changed.
import { Checkbox, Form, Input, InputNumber, Radio } from "antd";
import type { Source, SourceRequest } from "../../api";
import { useMe } from "../../session";
import { useText } from "./text";

/** `now`: what is changed; nothing for a new one. */
export function ConnectionFields({ now }: { now?: Source }) {
  const t = useText();
  const admin = useMe()?.admin;
  const credential = Form.useWatch<SourceRequest["credential"]>("credential");
  const needed = { required: true, message: t("sources.needed") };
  const keepsSecret = now?.credential === "password";
  return (
    <>
      <Form.Item name="url" label={t("sources.address")} rules={[needed]} extra={t("sources.addressHint")}>
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} placeholder="https://git.example/team/app.git" />
      </Form.Item>
      <Form.Item name="credential" label={t("sources.credential")}>
        <Radio.Group options={(["none", "password", "ssh"] as const).map((c) => ({ value: c, label: t(`sources.credential.${c}`) }))} />
      </Form.Item>
      {credential === "password" ? (
        <>
          <Form.Item name="username" label={t("sources.username")}>
            <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
          </Form.Item>
          <Form.Item
            name="secret"
            label={t("sources.secret")}
            rules={keepsSecret ? [] : [needed]}
            extra={keepsSecret ? t("sources.secretHint") : undefined}
          >
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        </>
      ) : null}
      {now && credential === "ssh" ? (
        <Form.Item name="sshHostKey" label={t("sources.hostKey")} extra={t("sources.hostKeyHint")}>
          <Input.TextArea autoSize spellCheck={false} className="mono" />
        </Form.Item>
      ) : null}
      <Form.Item name="pollSeconds" label={t("sources.poll")} extra={t("sources.pollHint")} rules={[needed]}>
        <InputNumber min={0} max={86400} />
      </Form.Item>
      <Form.Item name="depth" label={t("sources.depth")} extra={t("sources.depthHint")} rules={[needed]}>
        <InputNumber min={0} max={1000000} />
      </Form.Item>
      <Form.Item name="submodules" valuePropName="checked">
        <Checkbox>{t("sources.submodules")}</Checkbox>
      </Form.Item>
      {admin ? (
        <Form.Item name="allowPrivate" valuePropName="checked" extra={t("sources.allowPrivateHint")}>
          <Checkbox>{t("sources.allowPrivate")}</Checkbox>
        </Form.Item>
      ) : null}
    </>
  );
}
