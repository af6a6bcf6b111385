// Changes how a code source is reached.
import { Button, Form, Modal } from "antd";
import { useState } from "react";
import { api, path, type Source, type SourceChange } from "../../api";
import { useChange } from "../../queries";
import { announce } from "../../ui/announce";
import { ProblemAlert } from "../../ui/states";
import { changeOf, draftOf, type SourceDraft } from "./change";
import { ConnectionFields } from "./fields";
import { useText } from "./text";

function EditDialog({ source, close }: { source: Source; close: () => void }) {
  const t = useText();
  const [form] = Form.useForm<SourceDraft>();
  const save = useChange(
    (change: SourceChange) => api.patch<Source>(path`sources/${source.id}`, change),
    [["sources"]],
    () => {
      announce(t("sources.saved"));
      close();
    },
  );
  const submit = (draft: SourceDraft) => {
    const change = changeOf(source, draft);
    if (Object.keys(change).length === 0) close();
    else save.mutate(change);
  };
  return (
    <Modal
      open
      title={t("sources.editTitle", { name: `${source.namespace}/${source.name}` })}
      okText={t("sources.save")}
      confirmLoading={save.isPending}
      onOk={form.submit}
      onCancel={close}
    >
      <Form<SourceDraft> form={form} layout="vertical" initialValues={draftOf(source)} onFinish={submit}>
        <ConnectionFields now={source} />
        {save.error ? <ProblemAlert error={save.error} /> : null}
      </Form>
    </Modal>
  );
}

export function EditSource({ source }: { source: Source }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>{t("sources.edit")}</Button>
      {open ? <EditDialog source={source} close={() => setOpen(false)} /> : null}
    </>
  );
}
