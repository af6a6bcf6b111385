// A new code source: where it is, and how it is reached.
import { Form, Input, Select } from "antd";
import { api, type SourceCreated, type SourceRequest } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useChange, useNamespaces } from "../../queries";
import { may } from "../../roles";
import { announce } from "../../ui/announce";
import { Hook } from "../../ui/hook";
import { MakeDialog } from "../../ui/make";
import { ConnectionFields } from "./fields";
import { DeployKey } from "./key";
import { useText } from "./text";

const PROVIDERS = ["GITHUB", "GITLAB", "GITEA", "GITEE", "BITBUCKET", "BITBUCKET_SERVER", "CODEUP", "GIT"] as const;
const FIRST = { provider: "GITHUB", credential: "none", submodules: false, depth: 1, pollSeconds: 300, allowPrivate: false } as const;

function Names() {
  const t = useText();
  const d = useDomain();
  const namespaces = useNamespaces().data?.filter((namespace) => may(namespace, "maintain")) ?? [];
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
    </>
  );
}

export function AddSource({ close }: { close: () => void }) {
  const t = useText();
  const make = useChange((request: SourceRequest) => api.post<SourceCreated>("sources", request), [["sources"]], () => announce(t("sources.made")));
  return (
    <MakeDialog<SourceRequest, SourceCreated>
      title={t("sources.add")}
      ok={t("sources.make")}
      first={FIRST}
      make={make}
      made={(source) => (
        <>
          <DeployKey text={source.sshPublicKey} />
          <Hook url={source.hookUrl} secret={source.hookSecret} />
        </>
      )}
      close={close}
    >
      <Names />
      <ConnectionFields />
    </MakeDialog>
  );
}
