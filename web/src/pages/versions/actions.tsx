// What can be done with a tag: point another name at it, delete it.
import { Button, Form, Input, Modal } from "antd";
import { useState } from "react";
import { api, path, type Repository, type Tag } from "../../api";
import { useChange } from "../../queries";
import { may } from "../../roles";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { ProblemAlert } from "../../ui/states";
import { useText } from "./text";

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

function RetagForm({ repository, tag, done }: { repository: string; tag: Tag; done: () => void }) {
  const t = useText();
  const retag = useChange(
    ({ name }: { name: string }) => api.put<Tag>(path`repositories/${repository}/tags/${name}`, { from: tag.digest }),
    [["repositories", repository, "tags"]],
    (made) => {
      announce(t("version.tagged", { name: made.name }));
      done();
    },
  );
  return (
    <Form layout="vertical" requiredMark={false} onFinish={(value: { name: string }) => retag.mutate(value)}>
      <p>{t("version.retagText", { name: tag.name })}</p>
      <Form.Item name="name" label={t("version.newTag")} rules={[{ required: true, pattern: TAG, message: t("version.badTag") }]}>
        <Input autoFocus autoCapitalize="none" spellCheck={false} className="mono" />
      </Form.Item>
      {retag.error ? <ProblemAlert error={retag.error} /> : null}
      <Button type="primary" htmlType="submit" loading={retag.isPending}>
        {t("version.retag")}
      </Button>
    </Form>
  );
}

function DeleteTag({ repository, tag, sharing }: { repository: string; tag: Tag; sharing: number }) {
  const t = useText();
  const confirm = useConfirm();
  const remove = useChange(
    (_: undefined) => api.remove<void>(path`repositories/${repository}/tags/${tag.name}`),
    [["repositories", repository, "tags"]],
    () => announce(t("version.deleted", { name: tag.name })),
  );
  const ask = () =>
    confirm({
      title: t("version.deleteTitle", { name: tag.name }),
      text: sharing > 0 ? t("version.deleteShared", { n: sharing }) : t("version.deleteText"),
      ok: t("version.delete"),
      act: () => remove.mutateAsync(undefined),
    });
  return (
    <Button type="link" danger aria-label={t("version.deleteNamed", { name: tag.name })} onClick={ask}>
      {t("version.delete")}
    </Button>
  );
}

/** For those who may develop. */
export function TagActions({ repository, tag, sharing }: { repository: Repository; tag: Tag; sharing: number }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const name = repository.fullName;
  return (
    <div className="actions">
      <Button type="link" aria-label={t("version.retagNamed", { name: tag.name })} onClick={() => setOpen(true)}>
        {t("version.retag")}
      </Button>
      {may(repository, "maintain") ? <DeleteTag repository={name} tag={tag} sharing={sharing} /> : null}
      <Modal open={open} title={t("version.retag")} footer={null} onCancel={() => setOpen(false)} destroyOnHidden>
        <RetagForm repository={name} tag={tag} done={() => setOpen(false)} />
      </Modal>
    </div>
  );
}
