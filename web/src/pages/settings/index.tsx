// Repository > Settings: what Create Repository asked for, the code source, and the end of it all.
import { Button, Checkbox, Form, Input, Radio, Select, Switch } from "antd";
import { useNavigate } from "react-router";
import { api, type Binding, type BindingRequest, path, type Repository, type RepositoryChange } from "../../api";
import { useDomain } from "../../i18n/domain";
import { DescriptionField } from "../../markdown/field";
import { useBinding, useChange, useSources } from "../../queries";
import { NeedsRole } from "../../ui/roles";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { Deletion } from "../../ui/deletion";
import { Page, Section } from "../../ui/page";
import { ProblemAlert, Shown } from "../../ui/states";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { Reported } from "./commitstatus";
import { Retained } from "./retention";
import { useText } from "./text";

function Info({ repository }: { repository: Repository }) {
  const t = useText();
  const name = repository.fullName;
  const save = useChange(
    (change: RepositoryChange) => api.patch<Repository>(path`repositories/${name}`, change),
    [["repositories"]],
    () => announce(t("settings.saved")),
  );
  return (
    <Section title={t("settings.info")}>
      <Form<RepositoryChange> layout="vertical" className="form" initialValues={repository} onFinish={(v) => save.mutate(v)}>
        <Form.Item name="type" label={t("settings.type")}>
          <Radio.Group
            options={[
              { value: "PRIVATE", label: t("settings.private") },
              { value: "PUBLIC", label: t("settings.public") },
            ]}
          />
        </Form.Item>
        <Form.Item name="immutable" label={t("settings.version")}>
          <Radio.Group
            options={[
              { value: false, label: t("settings.mutable") },
              { value: true, label: t("settings.immutable") },
            ]}
          />
        </Form.Item>
        <Form.Item name="accelerated" label={t("settings.accelerated")} valuePropName="checked">
          <Switch />
        </Form.Item>
        <Form.Item name="summary" label={t("settings.summary")}>
          <Input maxLength={100} showCount />
        </Form.Item>
        <DescriptionField level={2} />
        {save.error ? <ProblemAlert error={save.error} /> : null}
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("settings.save")}
        </Button>
        {save.isSuccess ? <span className="saved">{t("settings.saved")}</span> : null}
      </Form>
    </Section>
  );
}

interface BindingDraft {
  /** An id, or KILN for a remote of its own. */
  source: string;
  autoBuild: boolean;
  overseas: boolean;
  noCache: boolean;
}

function requestOf({ source, ...settings }: BindingDraft): BindingRequest {
  return source === "KILN" ? { provider: "KILN", ...settings } : { sourceId: source, ...settings };
}

function SourceForm({ repository, binding }: { repository: Repository; binding?: Binding }) {
  const t = useText();
  const d = useDomain();
  const confirm = useConfirm();
  const name = repository.fullName;
  const sources = useSources(repository.namespace).data ?? [];
  const save = useChange(
    (draft: BindingDraft) => api.put<Binding>(path`repositories/${name}/source`, requestOf(draft)),
    [["repositories"], ["sources"]],
    () => announce(t("settings.saved")),
  );
  const unbind = useChange((_: undefined) => api.remove<void>(path`repositories/${name}/source`), [["repositories"]]);
  const ask = () =>
    confirm({
      title: t("settings.unbindTitle"),
      text: t("settings.unbindText"),
      ok: t("settings.unbind"),
      act: () => unbind.mutateAsync(undefined),
    });
  const first: BindingDraft = binding
    ? { source: binding.sourceId, autoBuild: binding.autoBuild, overseas: binding.pool === "overseas", noCache: binding.noCache }
    : { source: "KILN", autoBuild: true, overseas: false, noCache: false };
  const own = binding ? [] : [{ value: "KILN", label: d("domain.source.KILN") }];
  const options = sources.map((s) => ({ value: s.id, label: `${d(`domain.source.${s.provider}`)}: ${s.name}` }));
  return (
    <Form<BindingDraft> layout="vertical" className="form" initialValues={first} onFinish={(v) => save.mutate(v)}>
      <Form.Item name="source" label={t("settings.source")}>
        <Select options={[...own, ...options]} />
      </Form.Item>
      <Form.Item name="autoBuild" valuePropName="checked">
        <Checkbox>{t("settings.auto")}</Checkbox>
      </Form.Item>
      <Form.Item name="overseas" valuePropName="checked">
        <Checkbox>{t("settings.overseas")}</Checkbox>
      </Form.Item>
      <Form.Item name="noCache" valuePropName="checked">
        <Checkbox>{t("settings.noCache")}</Checkbox>
      </Form.Item>
      {save.error ? <ProblemAlert error={save.error} /> : null}
      <div className="form-buttons">
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t(binding ? "settings.save" : "settings.bind")}
        </Button>
        {binding ? (
          <Button danger onClick={ask}>
            {t("settings.unbind")}
          </Button>
        ) : null}
      </div>
    </Form>
  );
}

function Source({ repository }: { repository: Repository }) {
  const t = useText();
  const binding = useBinding(repository.fullName, repository.canBuild);
  return (
    <Section title={t("settings.source")}>
      {repository.canBuild ? (
        <Shown query={binding} rows={3}>
          {(data) => <SourceForm key={data.sourceId} repository={repository} binding={data} />}
        </Shown>
      ) : (
        <>
          <p className="hint">{t("settings.unbound")}</p>
          <SourceForm repository={repository} />
        </>
      )}
    </Section>
  );
}

function Delete({ repository }: { repository: Repository }) {
  const t = useText();
  const navigate = useNavigate();
  const name = repository.fullName;
  const done = () => {
    announce(t("settings.deleted", { name }));
    void navigate("/repositories");
  };
  return (
    <Deletion
      name={name}
      verb={t("settings.delete")}
      title={t("settings.deleteTitle", { name })}
      text={t("settings.deleteText")}
      act={() => api.remove<void>(path`repositories/${name}`)}
      changes={[["repositories"], ["namespaces"]]}
      done={done}
    />
  );
}

export default function Settings() {
  const t = useText();
  const { repository } = useScope();
  return (
    <Page title={t("settings.title")} crumbs={useCrumbs(repository.fullName)}>
      <NeedsRole place={repository} least="maintain">
        <Info repository={repository} />
        <Source repository={repository} />
        <Retained repository={repository} />
        <Reported repository={repository} />
        <Delete repository={repository} />
      </NeedsRole>
    </Page>
  );
}
