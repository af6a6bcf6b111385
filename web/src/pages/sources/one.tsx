// One code source: its connection, its webhook, what the hook delivered.
import { Alert, Button } from "antd";
import { useNavigate } from "react-router";
import { api, path, type Source, type SourceTest } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useChange, useRemoval, useSource } from "../../queries";
import { useConfirm } from "../../ui/confirm";
import { Deliveries } from "../../ui/deliveries";
import { SourceState, sourceName, useLook, Webhook } from "../../ui/hook";
import { Facts, Page, Section } from "../../ui/page";
import { useMayIn } from "../../ui/roles";
import { ProblemAlert, Shown } from "../../ui/states";
import { Time } from "../../ui/values";
import { EditSource } from "./edit";
import { DeployKey } from "./key";
import { Refs, UsedBy } from "./refs";
import { useText } from "./text";

const SHOWN_REFS = 20;

function Connection({ source }: { source: Source }) {
  const t = useText();
  const mayChange = useMayIn(source.namespace, "maintain");
  const test = useChange((_: undefined) => api.post<SourceTest>(`${path`sources/${source.id}`}:test`), [["sources", "one", source.id]]);
  const look = useLook(source);
  return (
    <Section
      title={t("sources.connection")}
      actions={
        <>
          {mayChange ? (
            <Button loading={test.isPending} onClick={() => test.mutate(undefined)}>
              {t("sources.test")}
            </Button>
          ) : null}
          {look.button}
        </>
      }
    >
      <SourceState source={source} />
      {test.error ? <ProblemAlert error={test.error} /> : null}
      {look.told}
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
    </Section>
  );
}

function Details({ source }: { source: Source }) {
  const t = useText();
  const d = useDomain();
  const mayChange = useMayIn(source.namespace, "maintain") && source.provider !== "KILN";
  const yes = (on: boolean) => t(on ? "sources.yes" : "sources.no");
  return (
    <Section title={t("sources.details")} actions={mayChange ? <EditSource source={source} /> : null}>
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
  const confirm = useConfirm();
  const mayDelete = useMayIn(source.namespace, "maintain");
  const remove = useRemoval(() => api.remove<void>(path`sources/${source.id}`), ["sources"], () => void navigate("/sources"));
  const ask = () =>
    confirm({
      title: t("sources.deleteTitle", { name: sourceName(source) }),
      text: t("sources.deleteText"),
      ok: t("sources.delete"),
      act: () => remove.mutateAsync(),
    });
  if (!mayDelete) return null;
  return (
    <Button danger onClick={ask}>
      {t("sources.delete")}
    </Button>
  );
}

export function SourcePage({ id }: { id: string }) {
  const t = useText();
  const query = useSource(id);
  const name = query.data ? sourceName(query.data) : t("sources.title");
  return (
    <Page title={name} crumbs={[{ text: t("sources.title"), to: "/sources" }]}>
      <Shown query={query}>
        {(source) => (
          <>
            <Details source={source} />
            <Connection source={source} />
            <Webhook source={source} />
            <UsedBy source={source} />
            <Refs source={source} />
            {source.hookUrl ? <Deliveries source={source} /> : null}
            <Delete source={source} />
          </>
        )}
      </Shown>
    </Page>
  );
}
