// A dialog that makes something: a form, then what was made. That is shown once, so from then on only its button closes it.
import type { UseMutationResult } from "@tanstack/react-query";
import { Form, Modal } from "antd";
import type { ReactNode } from "react";
import type { ApiError } from "../api";
import { useCommon } from "../i18n/common";
import { ProblemAlert } from "./states";

interface MakeProps<D, R> {
  title: string;
  /** The word of the button that makes it. */
  ok: string;
  first: Partial<D>;
  make: Pick<UseMutationResult<R, ApiError, D>, "mutate" | "isPending" | "error" | "data">;
  made: (result: R) => ReactNode;
  close: () => void;
  /** The fields. */
  children: ReactNode;
}

export function MakeDialog<D extends object, R>({ title, ok, first, make, made, close, children }: MakeProps<D, R>) {
  const t = useCommon();
  const [form] = Form.useForm<D>();
  const isMade = make.data !== undefined;
  const mayLeave = !isMade && !make.isPending;
  return (
    <Modal
      open
      width={640}
      title={title}
      okText={isMade ? t("common.close") : ok}
      confirmLoading={make.isPending}
      footer={(_, { CancelBtn, OkBtn }) => (
        <>
          {isMade ? null : <CancelBtn />}
          <OkBtn />
        </>
      )}
      closable={mayLeave}
      keyboard={mayLeave}
      mask={{ closable: mayLeave }}
      onOk={() => (isMade ? close() : form.submit())}
      onCancel={close}
    >
      {make.data !== undefined ? (
        made(make.data)
      ) : (
        <Form<D> form={form} layout="vertical" initialValues={first} onFinish={(draft) => make.mutate(draft)}>
          {children}
          {make.error ? <ProblemAlert error={make.error} /> : null}
        </Form>
      )}
    </Modal>
  );
}
