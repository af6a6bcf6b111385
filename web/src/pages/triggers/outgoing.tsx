// Whom builds and tags of a repository are told: the endpoints, and one of them with what it was told.
import { Alert, Button } from "antd";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { api, type Endpoint, type EndpointAndSecret, type NotificationWhole, path, type Repository } from "../../api";
import { useChange, useEndpoints } from "../../queries";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { Facts, Section } from "../../ui/page";
import { Pill } from "../../ui/pill";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { hostOf } from "./endpoint";
import { AddEndpoint, EditEndpoint, Secret } from "./endpoint-form";
import { Exchange, Log, LOG, Result } from "./notifications";
import { useEventName, useTold } from "./told";

function State({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useTold();
  if (!e.enabled) {
    return (
      <Pill tone="off" sentence={e.offReason ?? undefined}>
        {t("outgoing.off")}
      </Pill>
    );
  }
  if (e.failing) {
    return (
      <Pill tone="bad" sentence={t("outgoing.failingText", { n: e.failures })}>
        {t("outgoing.failing")}
      </Pill>
    );
  }
  return <Pill tone="good">{t("outgoing.on")}</Pill>;
}

function Last({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useTold();
  if (!e.lastAttemptAt) return <span className="quiet">{t("outgoing.nothingSent")}</span>;
  return (
    <div className="stack-small">
      <span>
        <Time at={e.lastAttemptAt} />{" "}
        <Pill tone={e.lastError ? "bad" : "good"}>{t(e.lastError ? "outgoing.result.failed" : "outgoing.result.delivered")}</Pill>
      </span>
      {e.lastError ? <span className="quiet">{e.lastError}</span> : null}
    </div>
  );
}

function Tested({ result }: { result: NotificationWhole }) {
  const t = useTold();
  return (
    <Alert
      type={result.result === "delivered" ? "success" : result.result === "failed" ? "error" : "info"}
      role="status"
      title={t(`outgoing.tested.${result.result}`)}
      description={
        <>
          <Result notification={result} />
          <Exchange whole={result} />
        </>
      }
    />
  );
}

/** One of them. */
function Chosen({ repository, endpoint, left }: { repository: string; endpoint: Endpoint; left: () => void }) {
  const t = useTold();
  const name = useEventName();
  const confirm = useConfirm();
  const [editing, setEditing] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const at = path`repositories/${repository}/endpoints/${endpoint.id}`;
  const host = hostOf(endpoint.url);
  const changes = [["endpoints", repository]];
  const test = useChange((_: undefined) => api.post<NotificationWhole>(`${at}:test`), changes, ({ result }) => announce(t(`outgoing.tested.${result}`)));
  const rotate = useChange((_: undefined) => api.post<EndpointAndSecret>(`${at}:rotate`), changes, (made) => setSecret(made.secret));
  const remove = useChange((_: undefined) => api.remove<void>(at), changes, () => {
    announce(t("outgoing.deleted"));
    left();
  });
  const askRotate = () =>
    confirm({
      title: t("outgoing.rotateTitle", { host }),
      text: t("outgoing.rotateText"),
      ok: t("outgoing.rotate"),
      danger: false,
      act: () => rotate.mutateAsync(undefined),
    });
  const askRemove = () =>
    confirm({ title: t("outgoing.deleteTitle", { host }), text: t("outgoing.deleteText"), ok: t("outgoing.delete"), act: () => remove.mutateAsync(undefined) });
  return (
    <>
      <Section
        title={t("outgoing.one", { host })}
        actions={
          <>
            <Button loading={test.isPending} onClick={() => test.mutate(undefined)}>
              {t("outgoing.sendTest")}
            </Button>
            <Button onClick={() => setEditing(true)}>{t("outgoing.edit")}</Button>
            {endpoint.signed ? <Button onClick={askRotate}>{t("outgoing.rotate")}</Button> : null}
            <Button danger onClick={askRemove}>
              {t("outgoing.delete")}
            </Button>
          </>
        }
      >
        <Facts
          items={[
            [t("outgoing.url"), <code key="u">{endpoint.url}</code>],
            [t("outgoing.format"), t(`outgoing.format.${endpoint.format}`)],
            [t("outgoing.events"), endpoint.events.map(name).join(", ")],
            [t("outgoing.signing"), t(endpoint.signed ? "outgoing.signed" : "outgoing.unsigned")],
            [t("outgoing.state"), <State key="s" endpoint={endpoint} />],
          ]}
        />
        <Secret secret={secret} />
        {test.error ? <ProblemAlert error={test.error} /> : null}
        {test.data ? <Tested result={test.data} /> : null}
        {editing ? <EditEndpoint repository={repository} endpoint={endpoint} close={() => setEditing(false)} told={setSecret} /> : null}
      </Section>
      <Log repository={repository} endpoint={endpoint} />
    </>
  );
}

interface ListProps {
  items: Endpoint[];
  chosen: string;
  choose: (id: string) => void;
}

function List({ items, chosen, choose }: ListProps) {
  const t = useTold();
  const name = useEventName();
  return (
    <Table
      caption={t("outgoing.title")}
      rows={items}
      rowKey={(e) => e.id}
      marked={(e) => e.id === chosen}
      columns={[
        { title: t("outgoing.to"), render: (e) => <span className="strong">{hostOf(e.url)}</span> },
        { title: t("outgoing.format"), render: (e) => t(`outgoing.format.${e.format}`) },
        { title: t("outgoing.events"), render: (e) => e.events.map(name).join(", ") },
        { title: t("outgoing.state"), render: (e) => <State endpoint={e} /> },
        { title: t("outgoing.last"), render: (e) => <Last endpoint={e} /> },
        {
          title: t("outgoing.actions"),
          narrow: true,
          render: (e) => (
            <div className="actions">
              <Button
                type="link"
                aria-expanded={e.id === chosen}
                aria-label={t(e.id === chosen ? "outgoing.closeNamed" : "outgoing.openNamed", { host: hostOf(e.url) })}
                onClick={() => choose(e.id === chosen ? "" : e.id)}
              >
                {t(e.id === chosen ? "outgoing.close" : "outgoing.open")}
              </Button>
            </div>
          ),
        },
      ]}
    />
  );
}

/** Which one is open, in the address; what is open of the one before goes. */
function useChosen(): [string, (id: string) => void] {
  const [params, setParams] = useSearchParams();
  const choose = (id: string) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        for (const name of ["endpoint", "notification", "result", LOG]) next.delete(name);
        if (id) next.set("endpoint", id);
        return next;
      },
      { replace: true },
    );
  return [params.get("endpoint") ?? "", choose];
}

export function Outgoing({ repository }: { repository: Repository }) {
  const t = useTold();
  const endpoints = useEndpoints(repository.fullName);
  const [chosen, choose] = useChosen();
  const [adding, setAdding] = useState(false);
  const found = endpoints.data?.find(({ id }) => id === chosen);
  return (
    <>
      <Section title={t("outgoing.title")} actions={<Button onClick={() => setAdding(true)}>{t("outgoing.add")}</Button>}>
        <p className="hint">{t("outgoing.lead")}</p>
        <Shown query={endpoints} rows={2}>
          {(items) =>
            items.length === 0 ? <Nothing title={t("outgoing.none")} /> : <List items={items} chosen={chosen} choose={choose} />
          }
        </Shown>
        {adding ? <AddEndpoint repository={repository.fullName} close={() => setAdding(false)} made={({ id }) => choose(id)} /> : null}
      </Section>
      {found ? <Chosen key={found.id} repository={repository.fullName} endpoint={found} left={() => choose("")} /> : null}
    </>
  );
}
