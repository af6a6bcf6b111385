// A token for a worker on another machine, and how it is run there.
import { Form, Input } from "antd";
import { useState } from "react";
import { api, serverUrl, type WorkerTokenWithSecret } from "../../api";
import { useChange, useWorkers } from "../../queries";
import { announce } from "../../ui/announce";
import { MakeDialog } from "../../ui/make";
import { Pill } from "../../ui/pill";
import { expiryOf, TokenFields } from "../../ui/tokens";
import { Command } from "../../ui/values";
import { useText } from "./text";

interface Draft {
  name: string;
  pool: string;
  days: number;
}

// SIGTERM lets a worker finish its builds, so that stopping may take as long as they do.
const unitOf = (server: string) => `[Unit]
Description=kiln worker
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/local/bin/kiln worker --server ${server} --token-file %d/token
LoadCredential=token:/etc/kiln/worker.token
StateDirectory=kiln
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec=1h

[Install]
WantedBy=multi-user.target`;

/** Ticks when a worker appears that was not there when the token was made. */
function Arrival() {
  const t = useText();
  const { data } = useWorkers();
  const [before] = useState(() => new Set(data?.map((worker) => worker.id)));
  const arrived = data?.find((worker) => worker.online && !before.has(worker.id));
  return (
    <p role="status">
      <Pill tone={arrived ? "good" : "wait"}>{arrived ? t("workers.arrived", { name: arrived.name }) : t("workers.waiting")}</Pill>
    </p>
  );
}

function Made({ token }: { token: WorkerTokenWithSecret }) {
  const t = useText();
  const server = serverUrl("").replace(/\/$/, "");
  return (
    <>
      <p>{t("workers.once")}</p>
      <div className="stack-small">
        <Command what={t("workers.token")} text={token.secret} />
        <Command what="kiln worker" text={`kiln worker --server ${server} --token-file FILE`} />
      </div>
      <p>{t("workers.unit")}</p>
      <div className="stack-small">
        <Command what={t("workers.unitName")} text={unitOf(server)} />
        <Command what={t("workers.enable")} text="systemctl enable --now kiln-worker" />
      </div>
      <Arrival />
    </>
  );
}

export function AddWorker({ close }: { close: () => void }) {
  const t = useText();
  const make = useChange(
    ({ name, pool, days }: Draft) => api.post<WorkerTokenWithSecret>("worker-tokens", { name, pool, expiresAt: expiryOf(days) }),
    [["worker-tokens"]],
    () => announce(t("workers.made")),
  );
  return (
    <MakeDialog<Draft, WorkerTokenWithSecret>
      title={t("workers.add")}
      ok={t("workers.makeToken")}
      first={{ pool: "", days: 0 }}
      make={make}
      made={(token) => <Made token={token} />}
      close={close}
    >
      <TokenFields>
        <Form.Item name="pool" label={t("workers.pool")} extra={t("workers.poolHint")}>
          <Input maxLength={64} autoComplete="off" />
        </Form.Item>
      </TokenFields>
    </MakeDialog>
  );
}
