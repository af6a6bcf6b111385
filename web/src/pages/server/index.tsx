// Settings of the instance: what it runs with, how it fares; for administrators.
import { Link } from "react-router";
import type { Instance } from "../../api";
import en from "../../i18n/server.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/server.zh.json";
import { useInstance, useWorkers } from "../../queries";
import { workerChecks } from "../../health";
import { AddressHealth, Checks, StorageHealth } from "../../ui/checks";
import { Facts, Page, Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Command, Time } from "../../ui/values";

const useText = textOf(en, zh);
type Key = keyof typeof en;

function Settings({ instance }: { instance: Instance }) {
  const t = useText();
  const means = (name: string) => `server.option.${name}`;
  return (
    <Section title={t("server.settings")}>
      <p className="lead">{t("server.settingsText")}</p>
      <Table
        caption={t("server.settings")}
        rows={instance.settings}
        rowKey={(setting) => setting.name}
        columns={[
          {
            title: t("server.option"),
            render: ({ name }) => (
              <div>
                <code className="strong">--{name}</code>
                {means(name) in en ? <p className="quiet">{t(means(name) as Key)}</p> : null}
              </div>
            ),
          },
          {
            title: t("server.value"),
            render: ({ value }) => (value === null ? <span className="quiet">{t("server.unset")}</span> : <code>{value}</code>),
          },
        ]}
      />
      <div className="stack-small">
        <p>{t("server.fileText")}</p>
        <Command what={t("server.file")} text={fileOf(instance)} />
      </div>
    </Section>
  );
}

const LISTS = ["trusted-proxy", "registry-mirror", "insecure-registry"];
const SWITCHES = ["no-emulation"];

/** A configuration file that says what is set now. */
function fileOf(instance: Instance): string {
  const members = instance.settings
    .filter(({ name, value }) => value !== null && name !== "config" && !(SWITCHES.includes(name) && value === "no"))
    .map(({ name, value }) => {
      if (LISTS.includes(name)) return [name, value?.split(", ")];
      if (SWITCHES.includes(name)) return [name, true];
      return [name, /^\d+$/.test(value ?? "") ? Number(value) : value];
    });
  return JSON.stringify(Object.fromEntries(members), null, 2);
}

function Health({ instance }: { instance: Instance }) {
  const t = useText();
  const workers = useWorkers().data;
  return (
    <Section title={t("server.health")} actions={<Link to="/workers">{t("server.workers")}</Link>}>
      <AddressHealth instance={instance} />
      <StorageHealth instance={instance} />
      {workers ? <Checks items={workerChecks(workers)} /> : null}
    </Section>
  );
}

export default function Server() {
  const t = useText();
  const instance = useInstance();
  return (
    <Page title={t("server.title")} actions={<Link to="/setup">{t("server.setup")}</Link>}>
      <Shown query={instance}>
        {(data) => (
          <>
            <Section title={t("server.about")}>
              <Facts
                items={[
                  [t("server.version"), data.version],
                  [t("server.started"), <Time key="s" at={data.startedAt} />],
                  [t("server.directory"), <code key="d">{data.storage.directory}</code>],
                ]}
              />
            </Section>
            <Health instance={data} />
            <Settings instance={data} />
          </>
        )}
      </Shown>
    </Page>
  );
}
