// One code source: its connection, its webhook, what the hook delivered.
import { Alert, App, Button } from "antd";
import { useNavigate } from "react-router";
import { api, path, type Source, type SourceHookSecret, type SourceLook, type SourceTest } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useChange, useSource } from "../../queries";
import { announce } from "../../ui/announce";
import { Facts, Page, Section } from "../../ui/page";
import { ProblemAlert, Shown } from "../../ui/states";
import { Time } from "../../ui/values";
import { Deliveries } from "./deliveries";
import { DeployKey, Hook } from "./secret";
import { useText } from "./text";

const SHOWN_REFS = 20;

function Connection({ source }: { source: Source }) {
  const t = useText();
  const test = useChange((_: undefined) => api.post<SourceTest>(`${path`sources/${source.id}`}:test`), [["sources", "one", source.id]]);
  const look = useChange(
    (_: undefined) => api.post<SourceLook>(`${path`sources/${source.id}`}:look`),
    [["sources"], ["builds"]],
    (found) => announce(t("sources.lookedNow", { n: found.builds })),
  );
  return (
    <Section
      title={t("sources.connection")}
      actions={
        <>
          <Button loading={test.isPending} onClick={() => test.mutate(undefined)}>
            {t("sources.test")}
          </Button>
          <Button loading={look.isPending} onClick={() => look.mutate(undefined)}>
            {t("sources.look")}
          </Button>
        </>
      }
    >
      {test.error ? <ProblemAlert error={test.error} /> : null}
      {look.error ? <ProblemAlert error={look.error} /> : null}
      {look.data ? <Alert type="success" title={t("sources.lookedNow", { n: look.data.builds })} /> : null}
      {test.data ? (
        <Alert
          type="success"
          title={t("sources.tested", { n: test.data.total })}
          description={
            <ul>
              {test.data.items.slice(0, SHOWN_REFS).map((r) => (
                <li key={r.ref}>
                  <code>{r.ref}</code>
                </li>
              ))}
            </ul>
          }
        />
      ) : null}
      {source.lastError && !test.data ? <Alert type="error" title={t("sources.lastError")} description={source.lastError} /> : null}
    </Section>
  );
}

function Webhook({ source }: { source: Source }) {
  const t = useText();
  const { modal } = App.useApp();
  const rotate = useChange((_: undefined) => api.post<SourceHookSecret>(`${path`sources/${source.id}`}:rotate`), [["sources"]]);
  const ask = () =>
    void modal.confirm({
      title: t("sources.rotateTitle"),
      content: t("sources.rotateText"),
      okText: t("sources.rotate"),
      onOk: () => rotate.mutateAsync(undefined).catch(() => {}),
    });
  if (!source.hookUrl) return null;
  return (
    <Section title={t("sources.hook")} actions={<Button onClick={ask}>{t("sources.rotate")}</Button>}>
      {rotate.error ? <ProblemAlert error={rotate.error} /> : null}
      <Hook url={source.hookUrl} secret={rotate.data?.hookSecret ?? null} />
    </Section>
  );
}

function Details({ source }: { source: Source }) {
  const t = useText();
  const d = useDomain();
  const yes = (on: boolean) => t(on ? "sources.yes" : "sources.no");
  return (
    <Section title={t("sources.details")}>
      <Facts
        items={[
          [t("sources.provider"), d(`domain.source.${source.provider}`)],
          [t("sources.address"), <code key="url">{source.url}</code>],
          [t("sources.credential"), t(`sources.credential.${source.credential}`)],
          [t("sources.username"), source.username ?? "–"],
          [t("sources.poll"), source.pollSeconds || t("sources.never")],
          [t("sources.depth"), source.depth || t("sources.whole")],
          [t("sources.submodules"), yes(source.submodules)],
          [t("sources.allowPrivate"), yes(source.allowPrivate)],
          [t("sources.looked"), <Time key="looked" at={source.lastLookAt} />],
        ]}
      />
      <DeployKey text={source.sshPublicKey} />
    </Section>
  );
}

function Delete({ source }: { source: Source }) {
  const t = useText();
  const navigate = useNavigate();
  const { modal } = App.useApp();
  const name = `${source.namespace}/${source.name}`;
  const remove = useChange((_: undefined) => api.remove<void>(path`sources/${source.id}`), [], () => void navigate("/sources"));
  const ask = () =>
    void modal.confirm({
      title: t("sources.deleteTitle", { name }),
      content: t("sources.deleteText"),
      okText: t("sources.delete"),
      okButtonProps: { danger: true },
      onOk: () => remove.mutateAsync(undefined).catch(() => {}),
    });
  return (
    <>
      {remove.error ? <ProblemAlert error={remove.error} /> : null}
      <Button danger onClick={ask}>
        {t("sources.delete")}
      </Button>
    </>
  );
}

export function SourcePage({ id }: { id: string }) {
  const t = useText();
  const query = useSource(id);
  const name = query.data ? `${query.data.namespace}/${query.data.name}` : t("sources.title");
  return (
    <Page title={name} crumbs={[{ text: t("sources.title"), to: "/sources" }]}>
      <Shown query={query}>
        {(source) => (
          <>
            <Details source={source} />
            <Connection source={source} />
            <Webhook source={source} />
            {source.hookUrl ? <Deliveries source={source} /> : null}
            <Delete source={source} />
          </>
        )}
      </Shown>
    </Page>
  );
}
