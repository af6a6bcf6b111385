// Repository > Triggers: how a change of code becomes a build here, and what became of those that were told.
import { Alert } from "antd";
import { Link } from "react-router";
import { type Binding, type Delivery, hasStatus, type Repository, type Source } from "../../api";
import { useDomain } from "../../i18n/domain";
import { useShell } from "../../shell/text";
import { useBinding, useDeliveries, useSource } from "../../queries";
import { useParam } from "../../ui/cursor";
import { Deliveries, DeliveryTable, Outcome } from "../../ui/deliveries";
import { SourceState, useLook, Webhook } from "../../ui/hook";
import { Facts, Page, Section } from "../../ui/page";
import { NeedsRole } from "../../ui/roles";
import { Nothing, Shown } from "../../ui/states";
import { Time } from "../../ui/values";
import { repositoryUrl, sourceUrl } from "../../urls";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { Bases } from "./bases";
import { Outgoing } from "./outgoing";
import { Schedules } from "./schedules";
import { useText } from "./text";
import { useVerdict } from "./verdict";

/** What it is built from, and whether a push is enough. */
function From({ repository, binding }: { repository: Repository; binding: Binding }) {
  const t = useText();
  const d = useDomain();
  return (
    <Section title={t("triggers.from")}>
      <Facts
        items={[
          [
            t("triggers.source"),
            <Link key="s" to={sourceUrl(binding.sourceId)}>
              {binding.source}
            </Link>,
          ],
          [t("triggers.provider"), d(`domain.source.${binding.provider as Source["provider"]}`)],
          [t("triggers.address"), <code key="a">{binding.url}</code>],
          [t("triggers.auto"), t(binding.autoBuild ? "triggers.yes" : "triggers.no")],
        ]}
      />
      {binding.autoBuild ? null : (
        <Alert
          type="warning"
          showIcon
          title={t("triggers.off")}
          description={<Link to={repositoryUrl(repository.fullName, "settings")}>{t("triggers.toSettings")}</Link>}
        />
      )}
    </Section>
  );
}

function Told({ delivery, none }: { delivery: Delivery | undefined; none: string }) {
  if (!delivery) return <span className="quiet">{none}</span>;
  return (
    <div className="stack-small">
      <span>
        <Time at={delivery.receivedAt} /> <Outcome outcome={delivery.outcome} />
      </span>
      {delivery.detail ? <span className="quiet">{delivery.detail}</span> : null}
    </div>
  );
}

const wentWrong = ({ outcome }: Delivery) => outcome === "refused" || outcome === "failed";

/** How it fared lately. */
function HookState({ source }: { source: Source }) {
  const t = useText();
  const newest = useDeliveries(source.id);
  return (
    <Shown query={newest} rows={2}>
      {({ items }) => (
        <Facts
          className="facts below-command"
          items={[
            [t("triggers.lastDelivery"), <Told key="l" delivery={items[0]} none={t("triggers.noDelivery")} />],
            [t("triggers.lastError"), <Told key="e" delivery={items.find(wentWrong)} none={t("triggers.noError", { n: items.length })} />],
          ]}
        />
      )}
    </Shown>
  );
}

/** The looks at the remote, which find what no webhook told of. */
function Looks({ source }: { source: Source }) {
  const t = useText();
  const look = useLook(source);
  const every = source.pollSeconds ? t("triggers.seconds", { n: source.pollSeconds }) : t("triggers.never");
  return (
    <Section title={t("triggers.looks")} actions={look.button}>
      <p className="hint">{t("triggers.looksText")}</p>
      <Facts
        items={[
          [t("triggers.lastLook"), <Time key="t" at={source.lastLookAt} />],
          [t("triggers.result"), <SourceState key="s" source={source} />],
          [t("triggers.every"), every],
        ]}
      />
      {look.told}
    </Section>
  );
}

function Judged({ source, repository, items }: { source: Source; repository: Repository; items: Delivery[] }) {
  const t = useText();
  const { verdict, problem } = useVerdict(repository.fullName, items);
  return (
    <>
      <p className="hint">{t("triggers.ofNow")}</p>
      {problem}
      <DeliveryTable source={source} items={items} repository={repository.fullName} verdict={verdict} />
    </>
  );
}

function Log({ source, repository }: { source: Source; repository: Repository }) {
  const t = useText();
  const [only, setOnly] = useParam("only");
  const tools = (
    <div className="toolbar">
      <label className="row">
        <input type="checkbox" className="check" checked={only === "1"} onChange={(event) => setOnly(event.target.checked ? "1" : "")} />
        {t("triggers.only")}
      </label>
    </div>
  );
  return (
    <Deliveries source={source} madeFor={only ? repository.fullName : undefined} tools={tools}>
      {(items) => <Judged source={source} repository={repository} items={items} />}
    </Deliveries>
  );
}

/** The role in a repository alone does not show the code source of its namespace, or of another. */
function OfSource({ repository, id }: { repository: Repository; id: string }) {
  const t = useText();
  const source = useSource(id);
  if (hasStatus(source.error, 403, 404)) {
    return <Alert type="info" showIcon title={t("triggers.hidden")} description={t("triggers.hiddenText")} />;
  }
  return (
    <Shown query={source}>
      {(data) => (
        <>
          {data.hookUrl ? (
            <Webhook source={data}>
              <HookState source={data} />
            </Webhook>
          ) : (
            <Section title={t("triggers.pushes")}>
              <p>{t("triggers.pushesText")}</p>
            </Section>
          )}
          <Looks source={data} />
          {data.hookUrl ? <Log source={data} repository={repository} /> : null}
        </>
      )}
    </Shown>
  );
}

function Content({ repository }: { repository: Repository }) {
  const t = useText();
  const binding = useBinding(repository.fullName, repository.canBuild);
  if (!repository.canBuild) {
    return (
      <Section title={t("triggers.from")}>
        <Nothing title={t("triggers.unbound")}>
          <Link to={repositoryUrl(repository.fullName, "settings")}>{t("triggers.toSettings")}</Link>
        </Nothing>
      </Section>
    );
  }
  return (
    <Shown query={binding}>
      {(data) => (
        <>
          <From repository={repository} binding={data} />
          <Schedules repository={repository} />
          <Bases repository={repository} />
          <OfSource repository={repository} id={data.sourceId} />
        </>
      )}
    </Shown>
  );
}

export default function Triggers() {
  const t = useText();
  const shell = useShell();
  const { repository } = useScope();
  return (
    <Page title={shell("shell.triggers")} lead={t("triggers.lead")} crumbs={useCrumbs(repository.fullName)}>
      <NeedsRole place={repository} least="maintain">
        <Content repository={repository} />
        <Outgoing repository={repository} />
      </NeedsRole>
    </Page>
  );
}
