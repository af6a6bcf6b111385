// What an endpoint was told, each with what was sent and what was answered.
import { Button, Segmented } from "antd";
import { Link } from "react-router";
import { api, type Endpoint, type Notification, type NotificationWhole, path } from "../../api";
import { useChange, useNotification, useNotifications } from "../../queries";
import { announce } from "../../ui/announce";
import { CursorPager, useParam } from "../../ui/cursor";
import { Section } from "../../ui/page";
import { Pill, type Tone } from "../../ui/pill";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Command, Time } from "../../ui/values";
import { buildUrl, versionUrl } from "../../urls";
import { hostOf } from "./endpoint";
import { useEventName, useTold } from "./told";

/** Of the log: beside that of the deliveries. */
export const LOG = "before";
const TONES: Record<Notification["result"], Tone> = { waiting: "wait", delivered: "good", failed: "bad" };

export function Result({ notification: n }: { notification: Notification }) {
  const t = useTold();
  return (
    <Pill tone={TONES[n.result]} sentence={n.lastError ?? undefined}>
      {t(`outgoing.result.${n.result}`)}
    </Pill>
  );
}

function Subject({ repository, notification: n }: { repository: string; notification: Notification }) {
  if (n.event.startsWith("build.")) return <Link to={buildUrl(repository, n.subject)}>{n.subject.slice(0, 8)}</Link>;
  if (n.event.endsWith(".written")) return <Link to={versionUrl(repository, n.subject)}>{n.subject}</Link>;
  return <span>{n.subject || "–"}</span>;
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** What was sent, and each answer, the last first. */
export function Exchange({ whole }: { whole: NotificationWhole }) {
  const t = useTold();
  return (
    <div className="stack-small">
      {whole.log.map((attempt) => (
        <div key={attempt.number} className="stack-small">
          <p>
            <strong>{t("outgoing.attempt", { n: attempt.number })}</strong> <Time at={attempt.startedAt} />{" "}
            {t(attempt.status ? "outgoing.answered" : "outgoing.noAnswer", { ms: attempt.tookMs, status: attempt.status ?? "" })}{" "}
            {attempt.error ? <span className="no">{attempt.error}</span> : null}
          </p>
          {attempt.response ? <Command what={t("outgoing.response", { n: attempt.number })} text={attempt.response} /> : null}
        </div>
      ))}
      <p>
        {t("outgoing.sent")} <code>{whole.contentType}</code>
      </p>
      <Command what={t("outgoing.request")} text={pretty(whole.body)} />
    </div>
  );
}

function Details({ repository, endpoint, id }: { repository: string; endpoint: string; id: string }) {
  const query = useNotification(repository, endpoint, id);
  return (
    <Shown query={query} rows={3}>
      {(whole) => <Exchange whole={whole} />}
    </Shown>
  );
}

function Rows({ repository, endpoint, items }: { repository: string; endpoint: Endpoint; items: Notification[] }) {
  const t = useTold();
  const name = useEventName();
  const [open, setOpen] = useParam("notification", "", { narrows: false });
  const again = useChange(
    (id: string) => api.post<NotificationWhole>(`${path`repositories/${repository}/endpoints/${endpoint.id}/notifications/${id}`}:redeliver`),
    [["endpoints", repository]],
    () => announce(t("outgoing.redelivered")),
  );
  const columns: Column<Notification>[] = [
    { title: t("outgoing.made.at"), narrow: true, render: (n) => <Time at={n.createdAt} /> },
    { title: t("outgoing.event"), render: (n) => name(n.event) },
    { title: t("outgoing.subject"), render: (n) => <Subject repository={repository} notification={n} /> },
    { title: t("outgoing.result"), render: (n) => <Result notification={n} /> },
    { title: t("outgoing.attempts"), narrow: true, render: (n) => n.attempts },
    { title: t("outgoing.next"), narrow: true, render: (n) => <Time at={n.nextAttemptAt} ahead /> },
    {
      title: t("outgoing.actions"),
      narrow: true,
      render: (n) => (
        <div className="actions">
          <Button
            type="link"
            aria-expanded={open === n.id}
            aria-label={t("outgoing.detailsNamed", { id: n.id })}
            onClick={() => setOpen(open === n.id ? "" : n.id)}
          >
            {t("outgoing.details")}
          </Button>
          <Button
            type="link"
            disabled={!endpoint.enabled}
            aria-label={t("outgoing.redeliverNamed", { id: n.id })}
            onClick={() => again.mutate(n.id)}
          >
            {t("outgoing.redeliver")}
          </Button>
        </div>
      ),
    },
  ];
  return (
    <>
      {again.error ? <ProblemAlert error={again.error} /> : null}
      <Table
        caption={t("outgoing.log")}
        rows={items}
        rowKey={(n) => n.id}
        columns={columns}
        below={(n) => (open === n.id ? <Details repository={repository} endpoint={endpoint.id} id={n.id} /> : null)}
      />
    </>
  );
}

export function Log({ repository, endpoint }: { repository: string; endpoint: Endpoint }) {
  const t = useTold();
  const [result, setResult] = useParam("result", "", { cursor: LOG });
  const [cursor] = useParam(LOG, "", { cursor: LOG });
  const query = useNotifications(repository, endpoint.id, { result, cursor });
  const choices = ["", "waiting", "delivered", "failed"] as const;
  return (
    <Section title={t("outgoing.logOf", { host: hostOf(endpoint.url) })}>
      <div className="toolbar">
        <Segmented
          value={result}
          onChange={setResult}
          aria-label={t("outgoing.result")}
          options={choices.map((value) => ({ value: value as string, label: value ? t(`outgoing.result.${value}`) : t("outgoing.all") }))}
        />
      </div>
      <Shown query={query} rows={3}>
        {({ items, next }) => (
          <>
            {items.length === 0 ? (
              <Nothing title={t(result ? "outgoing.noSuch" : "outgoing.noneYet")} />
            ) : (
              <Rows repository={repository} endpoint={endpoint} items={items} />
            )}
            <CursorPager next={next} busy={query.isPlaceholderData} param={LOG} />
          </>
        )}
      </Shown>
    </Section>
  );
}
