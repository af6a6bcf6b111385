// The table Build Rules.
import { BranchesOutlined, InfoCircleOutlined, PlusOutlined, TagOutlined, WarningOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button, Switch } from "antd";
import { Link, useNavigate } from "react-router";
import { api, path, type Preview, type PreviewPage, type Repository, type Rule } from "../../api";
import { useChange, useRules } from "../../queries";
import { may } from "../../roles";
import { useShortcut } from "../../shell/shortcuts";
import { useConfirm } from "../../ui/confirm";
import { useParam } from "../../ui/cursor";
import { Platforms, shortRef } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { repositoryUrl, ruleUrl } from "../../urls";
import { BuildActions } from "./start";
import { useText } from "./text";

/** Why Build is disabled, in the reader's language. */
function useWhyNot() {
  const t = useText();
  return (rule: Rule): string => {
    if (rule.match === "expression") return t("building.whyExpression");
    if (rule.imageTags.some((tag) => tag.buildTime)) return t("building.whyTime");
    if (rule.imageTags.some((tag) => tag.commitId)) return t("building.whyCommit");
    return rule.whyNotByHand ?? "";
  };
}

function Enabled({ repository, rule }: { repository: Repository; rule: Rule }) {
  const t = useText();
  const name = repository.fullName;
  const change = useChange(
    (enabled: boolean) => api.patch<Rule>(path`repositories/${name}/rules/${rule.id}`, { enabled }),
    [["repositories", name, "rules"]],
  );
  return (
    <>
      <Switch
        size="small"
        checked={rule.enabled}
        disabled={!may(repository, "maintain")}
        loading={change.isPending}
        aria-label={t("building.enabledRule", { name: rule.pattern })}
        onChange={(on) => change.mutate(on)}
      />
      {change.error ? <ProblemAlert error={change.error} /> : null}
    </>
  );
}

function DeleteRule({ repository, rule }: { repository: string; rule: Rule }) {
  const t = useText();
  const confirm = useConfirm();
  const remove = useChange(
    (_: undefined) => api.remove<void>(path`repositories/${repository}/rules/${rule.id}`),
    [["repositories", repository, "rules"]],
  );
  const ask = () =>
    confirm({
      title: t("building.deleteTitle", { name: rule.pattern }),
      text: t("building.deleteText"),
      ok: t("building.delete"),
      act: () => remove.mutateAsync(undefined),
    });
  return (
    <Button type="link" danger aria-label={t("building.deleteRule", { name: rule.pattern })} onClick={ask}>
      {t("building.delete")}
    </Button>
  );
}

function useColumns(repository: Repository): Column<Rule>[] {
  const t = useText();
  const name = repository.fullName;
  const columns: Column<Rule>[] = [
    { title: t("building.enabled"), narrow: true, render: (rule) => <Enabled repository={repository} rule={rule} /> },
    {
      title: t("building.type"),
      narrow: true,
      render: (rule) => (
        <>
          {rule.refType === "GIT_TAG" ? <TagOutlined aria-hidden="true" /> : <BranchesOutlined aria-hidden="true" />}{" "}
          {t(rule.refType === "GIT_TAG" ? "building.tag" : "building.branch")}
        </>
      ),
    },
    {
      title: t("building.ref"),
      render: (rule) => (
        <>
          <code>{rule.pattern}</code> {rule.match === "expression" ? <span className="chip">{t("building.expression")}</span> : null}
          {rule.rebuildOnBaseUpdate ? <p className="quiet">{t("building.onBase")}</p> : null}
        </>
      ),
    },
    {
      title: t("building.dockerfile"),
      narrow: true,
      render: (rule) => <code>{`${rule.dockerfileDirectory.replace(/\/$/, "")}/${rule.dockerfileName}`}</code>,
    },
    {
      title: t("building.version"),
      render: (rule) => (
        <span className="chips">
          {rule.templates.map((template) => (
            <code key={template} className="chip">
              {template}
            </code>
          ))}
        </span>
      ),
    },
    { title: t("building.architecture"), render: (rule) => <Platforms platforms={rule.platforms} /> },
  ];
  if (!may(repository, "develop")) return columns;
  return [
    ...columns,
    {
      title: t("building.actions"),
      render: (rule) => (
        <div className="actions">
          {may(repository, "develop") ? <BuildActions repository={repository} rule={rule} /> : null}
          {may(repository, "maintain") ? (
            <>
              <Link to={ruleUrl(name, rule.id)} aria-label={t("building.editRule", { name: rule.pattern })}>
                {t("building.edit")}
              </Link>
              <DeleteRule repository={name} rule={rule} />
            </>
          ) : null}
        </div>
      ),
    },
  ];
}

/** What other rules write too, for the refs that are there. Too many of them are an error, and no flags. */
function useConflicts(repository: string, enabled: boolean) {
  const { data } = useQuery({
    queryKey: ["repositories", repository, "rules", "conflicts"],
    queryFn: () => api.post<PreviewPage>(path`repositories/${repository}/rules:preview`, { conflictsOnly: true }),
    retry: false,
    enabled,
  });
  return (rule: Rule) => (rule.enabled ? data?.items.filter((item) => item.ruleId === rule.id) ?? [] : []);
}

/** The first of them, and how many more refs have one. */
function Conflict({ found }: { found: Preview[] }) {
  const t = useText();
  const conflict = found[0]?.conflicts?.[0];
  if (!conflict) return null;
  const { tag, pattern } = conflict;
  return (
    <p className="hint clash">
      <WarningOutlined aria-hidden="true" /> {t("building.conflict", { tag, rule: pattern, ref: shortRef(found[0]?.ref ?? "") })}{" "}
      {found.length > 1 ? t("building.conflictMore", { n: found.length - 1 }) : null}
    </p>
  );
}

/** Below a rule: why it is not built by hand, and what another writes too. */
function Notes({ rule, conflicts }: { rule: Rule; conflicts: Preview[] }) {
  const why = useWhyNot();
  return (
    <>
      <Conflict found={conflicts} />
      {rule.buildableByHand ? null : (
        <p className="hint" id={`why-${rule.id}`}>
          <InfoCircleOutlined aria-hidden="true" /> {why(rule)}
        </p>
      )}
    </>
  );
}

function AddRule({ repository }: { repository: Repository }) {
  const t = useText();
  const navigate = useNavigate();
  const add = () => void navigate(repositoryUrl(repository.fullName, "build/rules/new"));
  useShortcut("n", t("building.add"), add);
  return (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={add}>
      {t("building.add")}
    </Button>
  );
}

export function BuildRules({ repository }: { repository: Repository }) {
  const t = useText();
  const rules = useRules(repository.fullName);
  const columns = useColumns(repository);
  const conflicts = useConflicts(repository.fullName, (rules.data?.filter((rule) => rule.enabled).length ?? 0) > 1);
  const [made] = useParam("made");
  return (
    <Section
      title={t("building.rules")}
      actions={may(repository, "maintain") ? <AddRule repository={repository} /> : null}
    >
      <Shown query={rules} rows={3}>
        {(items) =>
          items.length > 0 ? (
            <Table
              caption={t("building.rules")}
              columns={columns}
              rows={items}
              rowKey={(rule) => rule.id}
              marked={(rule) => rule.id === made}
              below={(rule) => {
                const found = conflicts(rule);
                return rule.buildableByHand && found.length === 0 ? null : <Notes rule={rule} conflicts={found} />;
              }}
            />
          ) : (
            <Nothing title={t("building.noRules")}>
              <p>{t("building.noRulesText")}</p>
            </Nothing>
          )
        }
      </Shown>
    </Section>
  );
}
