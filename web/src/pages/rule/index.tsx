// Add or edit a build rule: three steps, with the live preview beside all of them.
import { Button, Form } from "antd";
import { useEffect } from "react";
import { useNavigate } from "react-router";
import { api, path, type Repository, type Rule } from "../../api";
import { useChange, useRule } from "../../queries";
import { NeedsRole } from "../../ui/roles";
import { useParam } from "../../ui/cursor";
import { useDraft } from "../../ui/draft";
import { Page } from "../../ui/page";
import { ProblemAlert, Shown } from "../../ui/states";
import { StepList } from "../../ui/steps";
import { repositoryUrl } from "../../urls";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { Configurations } from "./configurations";
import { draftOf, NEW_RULE, type RuleDraft, requestOf } from "./draft";
import { Information } from "./information";
import { RulePreview } from "./preview";
import { useText } from "./text";
import { Versions } from "./versions";

function useSave(repository: Repository, rule: Rule | undefined, done: (saved: Rule) => void) {
  const name = repository.fullName;
  return useChange(
    (draft: RuleDraft) =>
      rule
        ? api.patch<Rule>(path`repositories/${name}/rules/${rule.id}`, requestOf(draft))
        : api.post<Rule>(path`repositories/${name}/rules`, requestOf(draft)),
    [["repositories", name, "rules"]],
    done,
  );
}

function usable(draft: RuleDraft, at: number): boolean {
  if (at === 1) return draft.imageTags.every((tag) => tag.version !== "" || tag.buildTime !== null || tag.commitId !== null);
  if (at === 2) return draft.platforms.length > 0;
  return true;
}

function Wizard({ repository, rule }: { repository: Repository; rule?: Rule }) {
  const t = useText();
  const navigate = useNavigate();
  const first = rule ? draftOf(rule) : NEW_RULE;
  const [draft, change, forget] = useDraft(`kiln.rule.${rule?.id ?? repository.id}`, first);
  const [step, setStep] = useParam("step", "1");
  const at = Math.min(2, Math.max(0, Number(step) - 1 || 0));
  const [form] = Form.useForm<RuleDraft>();
  const buildPage = repositoryUrl(repository.fullName, "build");
  const save = useSave(repository, rule, (saved) => {
    forget();
    void navigate(`${buildPage}?made=${saved.id}`);
  });
  useEffect(() => form.setFieldsValue(draft), [form, draft]);
  const names = [t("rule.information"), t("rule.version"), t("rule.configurations")];
  const go = () => (at < 2 ? setStep(String(at + 2)) : save.mutate(draft));
  const leave = () => {
    forget();
    void navigate(buildPage);
  };
  return (
    <div className="wizard">
      <div className="section">
        <StepList label={t(rule ? "rule.editTitle" : "rule.title")} names={names} at={at} go={(i) => setStep(String(i + 1))} />
        <Form<RuleDraft>
          form={form}
          layout="vertical"
          className="form"
          scrollToFirstError
          initialValues={draft}
          onValuesChange={(part: Partial<RuleDraft>) => change(part)}
          onFinish={go}
        >
          {at === 0 ? <Information repository={repository} draft={draft} change={change} /> : null}
          {at === 1 ? <Versions draft={draft} change={change} /> : null}
          {at === 2 ? <Configurations draft={draft} change={change} /> : null}
          {save.error ? <ProblemAlert error={save.error} /> : null}
          <div className="form-buttons">
            {at > 0 ? <Button onClick={() => setStep(String(at))}>{t("rule.back")}</Button> : null}
            <Button type="primary" htmlType="submit" loading={save.isPending} disabled={!usable(draft, at)}>
              {t(at < 2 ? "rule.next" : "rule.confirm")}
            </Button>
            <Button type="text" onClick={leave}>
              {t("rule.leave")}
            </Button>
          </div>
        </Form>
      </div>
      <RulePreview repository={repository} draft={draft} ruleId={rule?.id} />
    </div>
  );
}

function EditWizard({ repository, id }: { repository: Repository; id: string }) {
  const rule = useRule(repository.fullName, id);
  return <Shown query={rule}>{(data) => <Wizard repository={repository} rule={data} />}</Shown>;
}

export default function RulePage() {
  const t = useText();
  const { repository, params } = useScope();
  const crumbs = useCrumbs(repository.fullName);
  const build = { text: t("rule.build"), to: repositoryUrl(repository.fullName, "build") };
  return (
    <Page title={t(params.rule ? "rule.editTitle" : "rule.title")} crumbs={[...crumbs, build]}>
      <NeedsRole place={repository} least="maintain">
        {params.rule ? <EditWizard repository={repository} id={params.rule} /> : <Wizard repository={repository} />}
      </NeedsRole>
    </Page>
  );
}
