// Workers: what builds, on this machine and on others; administrators only.
import { DisconnectOutlined, PauseCircleOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { api, path, type Worker, type WorkerToken } from "../../api";
import { useChange, useWorkers, useWorkerTokens } from "../../queries";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { Platforms } from "../../ui/domain";
import { Page, Section } from "../../ui/page";
import { Pill } from "../../ui/pill";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { TokenTable } from "../../ui/tokens";
import { Time } from "../../ui/values";
import { AddWorker } from "./add";
import { useText } from "./text";

function State({ worker }: { worker: Worker }) {
  const t = useText();
  if (!worker.online) {
    return (
      <Pill tone="bad" icon={<DisconnectOutlined />}>
        {t("workers.offline")}
      </Pill>
    );
  }
  if (worker.draining) {
    return (
      <Pill tone="wait" icon={<PauseCircleOutlined />}>
        {t("workers.draining")}
      </Pill>
    );
  }
  return worker.builds > 0 ? <Pill tone="run">{t("workers.busy")}</Pill> : <Pill tone="good">{t("workers.online")}</Pill>;
}

function Name({ worker }: { worker: Worker }) {
  const t = useText();
  return (
    <div>
      <span className="strong">{worker.name}</span>
      <p className="quiet">{worker.embedded ? t("workers.embedded", { version: worker.version }) : worker.version}</p>
    </div>
  );
}

interface Drain {
  id: string;
  on: boolean;
}

function List({ items }: { items: Worker[] }) {
  const t = useText();
  const confirm = useConfirm();
  const drain = useChange(({ id, on }: Drain) => api.post<void>(`${path`workers/${id}`}:drain`, { on }), [["workers"]]);
  const remove = useChange((id: string) => api.remove<void>(path`workers/${id}`), [["workers"]], () => announce(t("workers.removed")));
  const ask = ({ id, name }: Worker) =>
    confirm({
      title: t("workers.removeTitle", { name }),
      text: t("workers.removeText"),
      ok: t("workers.remove"),
      act: () => remove.mutateAsync(id),
    });
  const actions = (w: Worker) => (
    <div className="actions">
      <Button
        type="link"
        aria-label={t(w.draining ? "workers.resumeNamed" : "workers.drainNamed", { name: w.name })}
        loading={drain.isPending && drain.variables.id === w.id}
        onClick={() => drain.mutate({ id: w.id, on: !w.draining })}
      >
        {t(w.draining ? "workers.resume" : "workers.drain")}
      </Button>
      {w.embedded ? null : (
        <Button type="link" danger aria-label={t("workers.removeNamed", { name: w.name })} onClick={() => ask(w)}>
          {t("workers.remove")}
        </Button>
      )}
    </div>
  );
  if (items.length === 0) return <Nothing title={t("workers.none")} />;
  return (
    <>
      {drain.error ? <ProblemAlert error={drain.error} /> : null}
      <Table
        caption={t("workers.title")}
        rows={items}
        rowKey={(w) => w.id}
        columns={[
          { title: t("workers.name"), render: (w) => <Name worker={w} /> },
          { title: t("workers.state"), render: (w) => <State worker={w} /> },
          { title: t("workers.native"), render: (w) => <Platforms platforms={w.platforms.filter((p) => p.native).map((p) => p.platform)} /> },
          { title: t("workers.emulated"), render: (w) => <Platforms platforms={w.platforms.filter((p) => !p.native).map((p) => p.platform)} /> },
          { title: t("workers.pool"), render: (w) => <span className="given">{w.pool || t("workers.defaultPool")}</span> },
          { title: t("workers.builds"), narrow: true, render: (w) => t("workers.ofSlots", { n: w.builds, slots: w.slots }) },
          { title: t("workers.seen"), narrow: true, render: (w) => <Time at={w.lastSeenAt} /> },
          { title: t("workers.actions"), narrow: true, render: actions },
        ]}
      />
    </>
  );
}

function Tokens({ items }: { items: WorkerToken[] }) {
  const t = useText();
  if (items.length === 0) return <p className="hint">{t("workers.noTokens")}</p>;
  return (
    <TokenTable
      caption={t("workers.tokens")}
      items={items}
      columns={[{ title: t("workers.pool"), render: (token) => <span className="given">{token.pool || t("workers.defaultPool")}</span> }]}
      at="worker-tokens"
      warning={t("workers.deleteText")}
    />
  );
}

export default function Workers() {
  const t = useText();
  const workers = useWorkers();
  const tokens = useWorkerTokens();
  const [open, setOpen] = useState(false);
  return (
    <Page
      title={t("workers.title")}
      lead={t("workers.lead")}
      actions={
        <Button type="primary" onClick={() => setOpen(true)}>
          {t("workers.add")}
        </Button>
      }
    >
      <Section title={t("workers.all")}>
        <Shown query={workers} rows={2}>
          {(items) => <List items={items} />}
        </Shown>
      </Section>
      <Section title={t("workers.tokens")}>
        <Shown query={tokens} rows={2}>
          {(items) => <Tokens items={items} />}
        </Shown>
      </Section>
      {open ? <AddWorker close={() => setOpen(false)} /> : null}
    </Page>
  );
}
