// The second step: Code Source, Build Settings, Build Rules.
import { Button, Checkbox, Form, Input, Radio, Select } from "antd";
import type { ApiError, SourceProvider } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useSources } from "../../queries";
import { PLATFORMS } from "../../ui/domain";
import { ProblemAlert } from "../../ui/states";
import { PROVIDERS, type RepositoryDraft } from "./draft";
import { useText } from "./text";

function NewSource({ draft }: { draft: RepositoryDraft }) {
  const t = useText();
  const needed = { required: true, message: t("create.needed") };
  return (
    <>
      <Form.Item name="url" label={t("create.url")} rules={[needed]} extra={t("create.urlText")}>
        <Input autoCapitalize="none" spellCheck={false} placeholder="https://git.example/team/app.git" />
      </Form.Item>
      <Form.Item name="credential" label={t("create.credential")}>
        <Radio.Group
          options={[
            { value: "none", label: t("create.credentialNone") },
            { value: "password", label: t("create.credentialToken") },
            { value: "ssh", label: t("create.credentialKey") },
          ]}
        />
      </Form.Item>
      {draft.credential === "password" ? (
        <>
          <Form.Item name="username" label={t("create.username")}>
            <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
          </Form.Item>
          <Form.Item name="secret" label={t("create.secret")} rules={[needed]} extra={t("create.secretText")}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        </>
      ) : null}
      {draft.credential === "ssh" ? <p className="hint">{t("create.keyText")}</p> : null}
    </>
  );
}

function Forge({ draft }: { draft: RepositoryDraft }) {
  const t = useText();
  const sources = (useSources(draft.namespace).data ?? []).filter((s) => s.provider === draft.provider);
  return (
    <>
      {sources.length > 0 ? (
        <Form.Item name="sourceId" label={t("create.which")}>
          <Select
            options={[
              { value: "", label: t("create.newSource") },
              ...sources.map((s) => ({ value: s.id, label: `${s.name} (${s.url})` })),
            ]}
          />
        </Form.Item>
      ) : null}
      {draft.sourceId ? null : <NewSource draft={draft} />}
    </>
  );
}

function Settings({ draft }: { draft: RepositoryDraft }) {
  const t = useText();
  const needed = { required: true, message: t("create.needed") };
  return (
    <>
      <h2 className="form-head">{t("create.settings")}</h2>
      <Form.Item name="autoBuild" valuePropName="checked" extra={t("create.autoText")}>
        <Checkbox>{t("create.auto")}</Checkbox>
      </Form.Item>
      <Form.Item name="overseas" valuePropName="checked" extra={t("create.overseasText")}>
        <Checkbox>{t("create.overseas")}</Checkbox>
      </Form.Item>
      <Form.Item name="noCache" valuePropName="checked" extra={t("create.noCacheText")}>
        <Checkbox>{t("create.noCache")}</Checkbox>
      </Form.Item>
      <h2 className="form-head">{t("create.rules")}</h2>
      <Form.Item name="withRule" valuePropName="checked" extra={t("create.withRuleText")}>
        <Checkbox>{t("create.withRule")}</Checkbox>
      </Form.Item>
      {draft.withRule ? (
        <div className="pair">
          <Form.Item name="branch" label={t("create.branch")} rules={[needed]}>
            <Input autoCapitalize="none" spellCheck={false} />
          </Form.Item>
          <Form.Item name="tag" label={t("create.version")} rules={[needed]}>
            <Input autoCapitalize="none" spellCheck={false} />
          </Form.Item>
          <Form.Item
            name="platforms"
            label={t("create.architectures")}
            rules={[{ type: "array", min: 1, message: t("create.needed") }]}
            className="wide"
          >
            <Checkbox.Group options={PLATFORMS} />
          </Form.Item>
        </div>
      ) : null}
    </>
  );
}

interface StepProps {
  draft: RepositoryDraft;
  change: (part: Partial<RepositoryDraft>) => void;
  back: () => void;
  create: () => void;
  busy: boolean;
  error: ApiError | null;
}

export function SourceStep({ draft, change, back, create, busy, error }: StepProps) {
  const t = useText();
  const d = useDomain();
  const label = (p: SourceProvider | "NONE") => (p === "NONE" ? t("create.pushOnly") : d(`domain.source.${p}`));
  const [form] = Form.useForm<RepositoryDraft>();
  const onChange = (part: Partial<RepositoryDraft>) => {
    if (part.provider) {
      form.setFieldsValue({ sourceId: "" });
      change({ ...part, sourceId: "" });
    } else {
      change(part);
    }
  };
  return (
    <Form<RepositoryDraft>
      form={form}
      layout="vertical"
      className="form"
      scrollToFirstError
      initialValues={draft}
      onValuesChange={onChange}
      onFinish={create}
    >
      <Form.Item name="provider" label={t("create.source")}>
        <Radio.Group className="tiles" options={PROVIDERS.map((p) => ({ value: p, label: label(p) }))} />
      </Form.Item>
      {draft.provider === "KILN" ? <p className="hint">{t("create.ownText")}</p> : null}
      {draft.provider === "NONE" ? <p className="hint">{t("create.pushOnlyText")}</p> : null}
      {draft.provider !== "KILN" && draft.provider !== "NONE" ? <Forge draft={draft} /> : null}
      {draft.provider === "NONE" ? null : <Settings draft={draft} />}
      {error ? <ProblemAlert error={error} /> : null}
      <div className="form-buttons">
        <Button onClick={back}>{t("create.back")}</Button>
        <Button type="primary" htmlType="submit" loading={busy}>
          {t("create.title")}
        </Button>
      </div>
    </Form>
  );
}
