// Instances: this server, as the one there is, and what it has.
import { Link } from "react-router";
import { serverUrl } from "../../api";
import en from "../../i18n/instance.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/instance.zh.json";
import { useBuilds, useNamespaces, useWorkers } from "../../queries";
import { Platforms } from "../../ui/domain";
import { Facts, Page, Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Command, CopyButton, Time } from "../../ui/values";

const useText = textOf(en, zh);

function Instance() {
  const t = useText();
  const host = new URL(serverUrl("")).host;
  const namespaces = useNamespaces().data;
  const running = useBuilds({ status: "BUILDING", limit: 100 }).data?.items.length;
  const waiting = useBuilds({ status: "PENDING", limit: 100 }).data?.items.length;
  const workers = useWorkers().data;
  const version = workers?.find((worker) => worker.embedded)?.version;
  const repositories = namespaces?.reduce((n, namespace) => n + namespace.repositories, 0);
  return (
    <Section title={host} actions={<Link to="/repositories">{t("instance.open")}</Link>}>
      <Facts
        items={[
          [
            t("instance.address"),
            <span key="a">
              <code>{host}</code>
              <CopyButton text={host} what={t("instance.address")} />
            </span>,
          ],
          [t("instance.version"), version ?? "–"],
          [t("instance.namespaces"), namespaces?.length ?? "–"],
          [t("instance.repositories"), repositories ?? "–"],
          [t("instance.running"), running ?? "–"],
          [t("instance.waiting"), waiting ?? "–"],
        ]}
      />
    </Section>
  );
}

function Login() {
  const t = useText();
  const host = new URL(serverUrl("")).host;
  const flag = location.protocol === "http:" ? " --tls-verify=false" : "";
  return (
    <Section title={t("instance.login")}>
      <div className="stack-small">
        <Command what={t("instance.loginBy", { name: "docker" })} text={`docker login ${host}`} />
        <Command what={t("instance.loginBy", { name: "podman" })} text={`podman login${flag} ${host}`} />
        <Command what={t("instance.loginBy", { name: "kiln" })} text={`kiln login ${host}`} />
      </div>
    </Section>
  );
}

function Workers() {
  const t = useText();
  const workers = useWorkers();
  return (
    <Section title={t("instance.workers")}>
      <Shown query={workers} rows={2}>
        {(items) =>
          items.length === 0 ? (
            <p>{t("instance.noWorkers")}</p>
          ) : (
            <Table
              caption={t("instance.workers")}
              rows={items}
              rowKey={(worker) => worker.id}
              columns={[
                { title: t("instance.name"), render: (worker) => <span className="strong">{worker.name}</span> },
                {
                  title: t("instance.state"),
                  render: (worker) => t(worker.draining ? "instance.draining" : worker.online ? "instance.online" : "instance.offline"),
                },
                {
                  title: t("instance.native"),
                  render: (worker) => <Platforms platforms={worker.platforms.filter((p) => p.native).map((p) => p.platform)} />,
                },
                {
                  title: t("instance.emulated"),
                  render: (worker) => <Platforms platforms={worker.platforms.filter((p) => !p.native).map((p) => p.platform)} />,
                },
                { title: t("instance.builds"), narrow: true, render: (worker) => `${worker.builds} / ${worker.slots}` },
                { title: t("instance.seen"), narrow: true, render: (worker) => <Time at={worker.lastSeenAt} /> },
              ]}
            />
          )
        }
      </Shown>
    </Section>
  );
}

export default function Instances() {
  const t = useText();
  return (
    <Page title={t("instance.title")}>
      <Instance />
      <Login />
      <Workers />
    </Page>
  );
}
