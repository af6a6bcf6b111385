// Section Base images: where the names in FROM lead now, and what was built because of it.
import { RiseOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { Link } from "react-router";
import { api, type Base, type BasePage, path, type Repository, type Rule } from "../../api";
import en from "../../i18n/bases.en.json";
import zh from "../../i18n/bases.zh.json";
import { textOf } from "../../i18n/text";
import { useBases, useChange, useRules } from "../../queries";
import { announce } from "../../ui/announce";
import { BuildLink, Ref } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Pill } from "../../ui/pill";
import { Nothing, ProblemAlert, Reason, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Digest, StatePill, Time } from "../../ui/values";
import { ruleUrl } from "../../urls";

const useText = textOf(en, zh);

function Image({ repository, rules, base }: { repository: Repository; rules: Rule[]; base: Base }) {
  const t = useText();
  const rule = rules.find(({ id }) => id === base.ruleId);
  return (
    <div>
      <code className="first">{base.name}</code>
      <p className="quiet">
        {t("bases.byRule")} <Link to={ruleUrl(repository.fullName, base.ruleId)} className="in-text">
          {rule?.pattern ?? base.ruleId}
        </Link>
        , <Ref name={base.ref} />
      </p>
    </div>
  );
}

function Then({ repository, base }: { repository: Repository; base: Base }) {
  return (
    <div className="stack-small">
      <Digest digest={base.digest} />
      <BuildLink repository={repository.fullName} id={base.buildId} />
    </div>
  );
}

function Now({ base }: { base: Base }) {
  const t = useText();
  if (!base.newestDigest) return <span className="quiet">{t("bases.unknown")}</span>;
  if (!base.moved) return <Pill tone="good">{t("bases.same")}</Pill>;
  return (
    <div className="stack-small">
      <Digest digest={base.newestDigest} />
      <Pill tone="wait" icon={<RiseOutlined />}>
        {t("bases.newer")}
      </Pill>
    </div>
  );
}

function Asked({ base }: { base: Base }) {
  const t = useText();
  return (
    <div className="stack-small">
      <Time at={base.checkedAt} />
      {base.checking ? <Pill tone="run">{t("bases.checking")}</Pill> : null}
      {base.error && !base.checking ? <Pill tone="bad">{t("bases.noAnswer")}</Pill> : null}
    </div>
  );
}

function Rebuild({ repository, base }: { repository: Repository; base: Base }) {
  const t = useText();
  const build = base.rebuild?.build;
  return (
    <div className="stack-small">
      <span>{t(base.rebuilds ? "bases.on" : "bases.off")}</span>
      {build ? (
        <span>
          <BuildLink repository={repository.fullName} id={build.id} /> <StatePill state={build.status} />
        </span>
      ) : null}
      {base.rebuild?.error ? <Pill tone="bad">{t("bases.notStarted")}</Pill> : null}
    </div>
  );
}

function List({ repository, rules, items }: { repository: Repository; rules: Rule[]; items: Base[] }) {
  const t = useText();
  const columns: Column<Base>[] = [
    { title: t("bases.image"), render: (base) => <Image repository={repository} rules={rules} base={base} /> },
    { title: t("bases.then"), render: (base) => <Then repository={repository} base={base} /> },
    { title: t("bases.now"), render: (base) => <Now base={base} /> },
    { title: t("bases.asked"), render: (base) => <Asked base={base} /> },
    { title: t("bases.rebuild"), render: (base) => <Rebuild repository={repository} base={base} /> },
  ];
  if (items.length === 0) {
    return (
      <Nothing title={t("bases.none")}>
        <p>{t("bases.noneText")}</p>
      </Nothing>
    );
  }
  return (
    <Table
      caption={t("bases.title")}
      columns={columns}
      rows={items}
      rowKey={({ ruleId, name }) => `${ruleId} ${name}`}
      below={(base) => {
        const error = base.error ?? base.rebuild?.error;
        return error ? <Reason error={error} /> : null;
      }}
    />
  );
}

export function Bases({ repository }: { repository: Repository }) {
  const t = useText();
  const name = repository.fullName;
  const rules = useRules(name);
  const bases = useBases(name);
  const check = useChange(
    (_: undefined) => api.post<BasePage>(`${path`repositories/${name}/bases`}:check`),
    [["repositories", name, "bases"], ["builds"]],
    ({ items }) => announce(t("bases.checked", { n: items.filter(({ moved }) => moved).length })),
  );
  const button = (
    <Button disabled={!bases.data?.length} loading={check.isPending} onClick={() => check.mutate(undefined)}>
      {t("bases.check")}
    </Button>
  );
  return (
    <Section title={t("bases.title")} actions={button}>
      <p className="hint">{t("bases.lead")}</p>
      {check.error ? <ProblemAlert error={check.error} /> : null}
      <Shown query={bases} rows={3}>
        {(items) => <List repository={repository} rules={rules.data ?? []} items={items} />}
      </Shown>
    </Section>
  );
}
