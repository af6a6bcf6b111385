// A new namespace; also where one is needed on the way to a repository.
import { Button, Checkbox, Form, Input, Modal, Radio } from "antd";
import { api, type Namespace, type NewNamespace } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useChange } from "../../queries";
import { announce } from "../../ui/announce";
import { ProblemAlert } from "../../ui/states";
import { useText } from "./text";

/** What a namespace has to choose, here and in its settings. */
export function Choices() {
  const t = useText();
  const d = useDomain();
  return (
    <>
      <Form.Item name="defaultType" label={t("namespaces.defaultType")} extra={t("namespaces.defaultTypeHint")}>
        <Radio.Group
          options={[
            { value: "PRIVATE", label: d("domain.private") },
            { value: "PUBLIC", label: d("domain.public") },
          ]}
        />
      </Form.Item>
      <Form.Item name="autoCreate" valuePropName="checked" extra={t("namespaces.autoCreateHint")}>
        <Checkbox>{t("namespaces.autoCreate")}</Checkbox>
      </Form.Item>
    </>
  );
}

/** Stands beside another form and not in it: React would hand its submit event on to that. */
export function MakeNamespace({ close, onMade }: { close: () => void; onMade?: (name: string) => void }) {
  const t = useText();
  const make = useChange(
    (request: NewNamespace) => api.post<Namespace>("namespaces", request),
    [["namespaces"]],
    ({ name }) => {
      announce(t("namespaces.made", { name }));
      close();
      onMade?.(name);
    },
  );
  return (
    <Modal open title={t("namespaces.make")} footer={null} onCancel={close}>
      <Form<NewNamespace>
        name="new-namespace"
        layout="vertical"
        requiredMark={false}
        initialValues={{ defaultType: "PRIVATE", autoCreate: true }}
        onFinish={(request) => make.mutate(request)}
      >
        <Form.Item
          name="name"
          label={t("namespaces.nameOf")}
          rules={[{ required: true, message: t("namespaces.needed") }]}
          extra={t("namespaces.nameHint")}
        >
          <Input autoFocus maxLength={120} autoComplete="off" autoCapitalize="none" spellCheck={false} />
        </Form.Item>
        <Choices />
        {make.error ? <ProblemAlert error={make.error} /> : null}
        <Button type="primary" htmlType="submit" loading={make.isPending}>
          {t("namespaces.create")}
        </Button>
      </Form>
    </Modal>
  );
}
