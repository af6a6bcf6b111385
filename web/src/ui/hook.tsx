// How kiln learns that code changed, for the pages of code sources and of repositories: the webhook and its secret, and the looks.
import { Alert, Button } from "antd";
import type { ReactNode } from "react";
import { api, path, type Source, type SourceHookSecret, type SourceLook } from "../api";
import { useHookText } from "../i18n/hook";
import { useChange } from "../queries";
import { announce } from "./announce";
import { useConfirm } from "./confirm";
import { Section } from "./page";
import { Pill } from "./pill";
import { useMayIn } from "./roles";
import { ProblemAlert } from "./states";
import { Command } from "./values";

export const sourceName = (source: Source) => `${source.namespace}/${source.name}`;

/** Whether kiln reaches it: what the last look found. */
export function SourceState({ source }: { source: Source }) {
  const t = useHookText();
  if (source.lastError) {
    return (
      <Pill tone="bad" sentence={source.lastError}>
        {t("hook.failing")}
      </Pill>
    );
  }
  return source.lastLookAt ? <Pill tone="good">{t("hook.reached")}</Pill> : <Pill tone="wait">{t("hook.notYet")}</Pill>;
}

/** What the provider's webhook needs; the secret is shown once. */
export function Hook({ url, secret }: { url: string | null; secret: string | null }) {
  const t = useHookText();
  if (!url) return null;
  return (
    <div className="stack-small">
      <Command what={t("hook.url")} text={url} />
      {secret ? (
        <>
          <p>{t("hook.once")}</p>
          <Command what={t("hook.secret")} text={secret} />
        </>
      ) : null}
    </div>
  );
}

/** The webhook's address and the way to a new secret, for those who may; `children` are below. */
export function Webhook({ source, children }: { source: Source; children?: ReactNode }) {
  const t = useHookText();
  const confirm = useConfirm();
  const mayChange = useMayIn(source.namespace, "maintain");
  const rotate = useChange((_: undefined) => api.post<SourceHookSecret>(`${path`sources/${source.id}`}:rotate`), [["sources"]]);
  const ask = () =>
    confirm({
      title: t("hook.rotateTitle", { name: sourceName(source) }),
      text: t("hook.rotateText"),
      ok: t("hook.rotate"),
      danger: false,
      act: () => rotate.mutateAsync(undefined),
    });
  if (!source.hookUrl) return null;
  return (
    <Section title={t("hook.title")} actions={mayChange ? <Button onClick={ask}>{t("hook.rotate")}</Button> : null}>
      <Hook url={source.hookUrl} secret={rotate.data?.hookSecret ?? null} />
      {children}
    </Section>
  );
}

/** The button that looks at once, for those who may, and what is told when it has. */
export function useLook(source: Source): { button: ReactNode; told: ReactNode } {
  const t = useHookText();
  const mayLook = useMayIn(source.namespace, "develop");
  const look = useChange(
    (_: undefined) => api.post<SourceLook>(`${path`sources/${source.id}`}:look`),
    [["sources"], ["builds"]],
    (found) => announce(t("hook.lookedNow", { n: found.builds })),
  );
  return {
    button: mayLook ? (
      <Button loading={look.isPending} onClick={() => look.mutate(undefined)}>
        {t("hook.look")}
      </Button>
    ) : null,
    told: (
      <>
        {look.error ? <ProblemAlert error={look.error} /> : null}
        {look.data ? <Alert type="success" title={t("hook.lookedNow", { n: look.data.builds })} /> : null}
      </>
    ),
  };
}
