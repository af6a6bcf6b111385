// Asks before something is taken away. What went wrong is shown in the dialog, which stays for another try.
import { App } from "antd";
import { ProblemAlert } from "./states";

export interface Question {
  title: string;
  text: string;
  /** The word of the button. */
  ok: string;
  danger?: boolean;
  act: () => Promise<unknown>;
}

export function useConfirm() {
  const { modal } = App.useApp();
  return ({ title, text, ok, danger = true, act }: Question) => {
    const content = (error?: Error) => (
      <>
        <p>{text}</p>
        {error ? <ProblemAlert error={error} /> : null}
      </>
    );
    const dialog = modal.confirm({
      title,
      content: content(),
      okText: ok,
      okButtonProps: { danger },
      onOk: () =>
        act().catch((error: Error) => {
          dialog.update({ content: content(error) });
          throw error;
        }),
    });
    // Who waits for the dialog has the rejection, and it is no error of the page.
    void dialog.then(
      () => {},
      () => {},
    );
  };
}
