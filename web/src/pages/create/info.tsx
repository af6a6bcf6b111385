// The first step: Repository Info.
import { PlusOutlined } from "@ant-design/icons";
import { Button, Form, Input, Modal, Radio, Select, Switch } from "antd";
import { useState } from "react";
import { api, type Namespace, serverUrl } from "../../api";
import { useNamespaces, useChange } from "../../queries";
import { useMe } from "../../session";
import { ProblemAlert } from "../../ui/states";
import type { RepositoryDraft } from "./draft";
import { useText } from "./text";

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Stands beside the form of the step and not in it: React would hand its submit event on to that. */
function NewNamespace({ open, close, onMade }: { open: boolean; close: () => void; onMade: (name: string) => void }) {
  const t = useText();
  const create = useChange(
    (value: { name: string }) => api.post<Namespace>("namespaces", value),
    [["namespaces"]],
    (made) => {
      close();
      onMade(made.name);
    },
  );
  return (
    <Modal open={open} title={t("create.newNamespace")} footer={null} onCancel={close} destroyOnHidden>
      <Form
        name="new-namespace"
        layout="vertical"
        requiredMark={false}
        onFinish={(value: { name: string }) => create.mutate(value)}
      >
        <Form.Item name="name" label={t("create.namespaceName")} rules={[{ required: true, message: t("create.needed") }]}>
          <Input autoFocus autoCapitalize="none" spellCheck={false} />
        </Form.Item>
        {create.error ? <ProblemAlert error={create.error} /> : null}
        <Button type="primary" htmlType="submit" loading={create.isPending}>
          {t("create.makeNamespace")}
        </Button>
      </Form>
    </Modal>
  );
}

interface StepProps {
  draft: RepositoryDraft;
  change: (part: Partial<RepositoryDraft>) => void;
  next: () => void;
}

export function InfoStep({ draft, change, next }: StepProps) {
  const t = useText();
  const me = useMe();
  const [form] = Form.useForm<RepositoryDraft>();
  const namespaces = useNamespaces();
  const [making, setMaking] = useState(false);
  const needed = { required: true, message: t("create.needed") };
  const address = `${new URL(serverUrl("")).host}/${draft.namespace || "…"}/${draft.name || "…"}`;
  const pick = (namespace: string) => {
    form.setFieldsValue({ namespace });
    change({ namespace });
  };
  return (
    <>
      <Form<RepositoryDraft>
        form={form}
        layout="vertical"
        className="form"
        scrollToFirstError
        initialValues={{ ...draft, namespace: draft.namespace || undefined }}
        onValuesChange={(part: Partial<RepositoryDraft>) => change(part)}
        onFinish={next}
      >
        {namespaces.error ? <ProblemAlert error={namespaces.error} /> : null}
        <Form.Item label={t("create.namespace")} required htmlFor="namespace">
          <div className="row">
            <Form.Item name="namespace" noStyle rules={[needed]}>
              <Select
                id="namespace"
                className="grow"
                aria-label={t("create.namespace")}
                showSearch
                placeholder={t("create.pickNamespace")}
                options={namespaces.data?.map(({ name }) => ({ value: name, label: name }))}
              />
            </Form.Item>
            {me?.admin ? (
              <Button icon={<PlusOutlined aria-hidden />} onClick={() => setMaking(true)}>
                {t("create.newNamespace")}
              </Button>
            ) : null}
          </div>
        </Form.Item>
        <Form.Item
          name="name"
          label={t("create.name")}
          rules={[needed, { pattern: NAME, message: t("create.badName") }]}
          extra={t("create.address", { address })}
        >
          <Input autoCapitalize="none" spellCheck={false} maxLength={255} />
        </Form.Item>
        <Form.Item name="type" label={t("create.type")} extra={t(draft.type === "PUBLIC" ? "create.publicText" : "create.privateText")}>
          <Radio.Group
            options={[
              { value: "PRIVATE", label: t("create.private") },
              { value: "PUBLIC", label: t("create.public") },
            ]}
          />
        </Form.Item>
        <Form.Item
          name="immutable"
          label={t("create.version")}
          extra={t(draft.immutable ? "create.immutableText" : "create.mutableText")}
        >
          <Radio.Group
            options={[
              { value: false, label: t("create.mutable") },
              { value: true, label: t("create.immutable") },
            ]}
          />
        </Form.Item>
        <Form.Item name="accelerated" label={t("create.accelerated")} valuePropName="checked" extra={t("create.acceleratedText")}>
          <Switch />
        </Form.Item>
        <Form.Item name="summary" label={t("create.summary")} rules={[needed]}>
          <Input maxLength={100} showCount />
        </Form.Item>
        <Form.Item name="description" label={t("create.description")} extra={t("create.descriptionText")}>
          <Input.TextArea rows={4} maxLength={16384} />
        </Form.Item>
        <div className="form-buttons">
          <Button type="primary" htmlType="submit">
            {t("create.next")}
          </Button>
        </div>
      </Form>
      <NewNamespace open={making} close={() => setMaking(false)} onMade={pick} />
    </>
  );
}
