// A new code source: where it is, and how it is reached.
import { Checkbox, Form, Input, InputNumber, Modal, Radio, Select } from "antd";
import { api, type SourceCreated, type SourceRequest } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useChange, useNamespaces } from "../../queries";
import { useMe } from "../../session";
import { announce } from "../../ui/announce";
import { ProblemAlert } from "../../ui/states";
import { DeployKey, Hook } from "./secret";
import { useText } from "./text";

const PROVIDERS = ["GITHUB", "GITLAB", "GITEA", "GITEE", "BITBUCKET", "BITBUCKET_SERVER", "CODEUP", "GIT"] as const;
const FIRST = { provider: "GITHUB", credential: "none", submodules: false, depth: 1, pollSeconds: 300, allowPrivate: false } as const;

function Fields() {
  const t = useText();
  const d = useDomain();
  const admin = useMe()?.admin;
  const namespaces = useNamespaces().data ?? [];
  const credential = Form.useWatch<SourceRequest["credential"]>("credential");
  const needed = { required: true, message: t("sources.needed") };
  return (
    <>
      <Form.Item name="namespace" label={t("sources.namespace")} rules={[needed]}>
        <Select options={namespaces.map((n) => ({ value: n.name, label: n.name }))} />
      </Form.Item>
      <Form.Item name="name" label={t("sources.name")} rules={[needed]}>
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Form.Item>
      <Form.Item name="provider" label={t("sources.provider")}>
        <Select options={PROVIDERS.map((p) => ({ value: p, label: d(`domain.source.${p}`) }))} />
      </Form.Item>
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
          <Form.Item name="secret" label={t("sources.secret")} rules={[needed]}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        </>
      ) : null}
      <Form.Item name="pollSeconds" label={t("sources.poll")} extra={t("sources.pollHint")}>
        <InputNumber min={0} max={86400} />
      </Form.Item>
      <Form.Item name="depth" label={t("sources.depth")} extra={t("sources.depthHint")}>
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

export function AddSource({ close }: { close: () => void }) {
  const t = useText();
  const [form] = Form.useForm<SourceRequest>();
  const make = useChange((request: SourceRequest) => api.post<SourceCreated>("sources", request), [["sources"]], () => announce(t("sources.made")));
  const made = make.data;
  return (
    <Modal
      open
      title={t("sources.add")}
      okText={t(made ? "sources.close" : "sources.make")}
      confirmLoading={make.isPending}
      cancelButtonProps={{ hidden: Boolean(made) }}
      onOk={() => (made ? close() : form.submit())}
      onCancel={close}
    >
      {made ? (
        <>
          <DeployKey text={made.sshPublicKey} />
          <Hook url={made.hookUrl} secret={made.hookSecret} />
        </>
      ) : (
        <Form<SourceRequest> form={form} layout="vertical" initialValues={FIRST} onFinish={(request) => make.mutate(request)}>
          <Fields />
          {make.error ? <ProblemAlert error={make.error} /> : null}
        </Form>
      )}
    </Modal>
  );
}
