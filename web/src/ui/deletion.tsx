// The end of something that cannot be brought back: what goes with it, and a dialog that asks for its name.
import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { Button, Input, Modal } from "antd";
import { type ReactNode, useState } from "react";
import { useCommon } from "../i18n/common";
import { useChange } from "../queries";
import { Section } from "./page";
import { ProblemAlert } from "./states";

interface Props {
  name: string;
  /** The heading, and the words of both buttons. */
  verb: string;
  /** The dialog's title, which names it. */
  title: string;
  /** What goes with it. */
  text: ReactNode;
  act: () => Promise<void>;
  /** What no longer holds; asked for again by the page that `done` goes to, not by that of what is gone. */
  changes: QueryKey[];
  done: () => void;
  /** Why not. */
  blocked?: string;
}

function Ask({ name, verb, title, text, act, changes, done, close }: Props & { close: () => void }) {
  const t = useCommon();
  const [typed, setTyped] = useState("");
  const client = useQueryClient();
  const remove = useChange((_: undefined) => act(), [], async () => {
    await Promise.all(changes.map((queryKey) => client.invalidateQueries({ queryKey, refetchType: "none" })));
    done();
  });
  return (
    <Modal
      open
      title={title}
      okText={verb}
      okButtonProps={{ danger: true, disabled: typed !== name, loading: remove.isPending }}
      onOk={() => remove.mutate(undefined)}
      onCancel={close}
    >
      <p>{text}</p>
      <label className="field-label" htmlFor="delete-name">
        {t("common.typeName", { name })}
      </label>
      <Input id="delete-name" value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" autoCapitalize="none" />
      {remove.error ? <ProblemAlert error={remove.error} /> : null}
    </Modal>
  );
}

export function Deletion(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <Section title={props.verb}>
      <p>{props.blocked ?? props.text}</p>
      <Button danger disabled={Boolean(props.blocked)} onClick={() => setOpen(true)}>
        {props.verb}
      </Button>
      {open ? <Ask {...props} close={() => setOpen(false)} /> : null}
    </Section>
  );
}
