// The first step: Repository Info.
import { PlusOutlined } from "@ant-design/icons";
import { Button, Form, Input, Radio, Select, Switch } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { serverUrl } from "../../api";
import { DescriptionField } from "../../markdown/field";
import { useNamespaces } from "../../queries";
import { may } from "../../roles";
import { useMe } from "../../session";
import { ProblemAlert } from "../../ui/states";
import { namespaceUrl } from "../../urls";
import { MakeNamespace } from "../namespaces/make";
import type { RepositoryDraft } from "./draft";
import { useText } from "./text";

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

function NoNamespace() {
  const t = useText();
  const admin = useMe()?.admin;
  return (
    <>
      {t(admin ? "create.noNamespaceAdmin" : "create.noNamespace")}{" "}
      <Link to={namespaceUrl()} className="in-text">
        {t("create.namespaces")}
      </Link>
    </>
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
  const usable = namespaces.data?.filter((namespace) => may(namespace, "maintain"));
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
        <Form.Item label={t("create.namespace")} required htmlFor="namespace" extra={usable?.length === 0 ? <NoNamespace /> : null}>
          <div className="row">
            <Form.Item name="namespace" noStyle rules={[needed]}>
              <Select
                id="namespace"
                className="grow"
                aria-label={t("create.namespace")}
                showSearch
                placeholder={t("create.pickNamespace")}
                options={usable?.map(({ name }) => ({ value: name, label: name }))}
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
        <DescriptionField level={1} />
        <div className="form-buttons">
          <Button type="primary" htmlType="submit">
            {t("create.next")}
          </Button>
        </div>
      </Form>
      {making ? <MakeNamespace close={() => setMaking(false)} onMade={pick} /> : null}
    </>
  );
}
