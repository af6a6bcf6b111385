// Step Build Information.
import { AutoComplete, Button, Form, Input, Radio } from "antd";
import type { Repository } from "../../api";
import { useRefsOfSource } from "../../queries";
import { isTagRef, shortRef } from "../../ui/domain";
import { groupsOf, looksLikeExpression, type RuleDraft } from "./draft";
import { useText } from "./text";

export interface StepProps {
  draft: RuleDraft;
  change: (part: Partial<RuleDraft>) => void;
}

function Pattern({ repository, draft, change }: StepProps & { repository: Repository }) {
  const t = useText();
  const refs = useRefsOfSource(repository.source?.sourceId).data?.items ?? [];
  const names = refs.filter((r) => isTagRef(r.ref) === (draft.refType === "GIT_TAG")).map((r) => shortRef(r.ref));
  const groups = draft.match === "expression" ? groupsOf(draft.pattern) : [];
  return (
    <>
      <Form.Item name="pattern" label={t("rule.ref")} rules={[{ required: true, message: t("rule.needed") }]} extra={t("rule.refText")}>
        <AutoComplete
          options={names.map((value) => ({ value }))}
          showSearch={{ filterOption: (typed, option) => String(option?.value).includes(typed) }}
        >
          <Input autoCapitalize="none" spellCheck={false} className="mono" />
        </AutoComplete>
      </Form.Item>
      {draft.match === "name" && looksLikeExpression(draft.pattern) ? (
        <p className="hint" role="status">
          {t("rule.looksLike")}{" "}
          <Button size="small" onClick={() => change({ match: "expression" })}>
            {t("rule.useExpression")}
          </Button>
        </p>
      ) : null}
      <Form.Item name="match" label={t("rule.match")} extra={t(draft.match === "name" ? "rule.nameText" : "rule.expressionText")}>
        <Radio.Group
          options={[
            { value: "name", label: t("rule.name") },
            { value: "expression", label: t("rule.expression") },
          ]}
        />
      </Form.Item>
      {groups.length > 0 ? (
        <p className="chips">
          <span className="quiet">{t("rule.groups")}:</span>
          {groups.map((group) => (
            <code key={group} className="chip">{`\${${group}}`}</code>
          ))}
        </p>
      ) : null}
    </>
  );
}

export function Information({ repository, draft, change }: StepProps & { repository: Repository }) {
  const t = useText();
  return (
    <>
      <Form.Item name="refType" label={t("rule.type")}>
        <Radio.Group
          options={[
            { value: "GIT_BRANCH", label: t("rule.branch") },
            { value: "GIT_TAG", label: t("rule.tag") },
          ]}
        />
      </Form.Item>
      <Pattern repository={repository} draft={draft} change={change} />
      <Form.Item
        name="dockerfileDirectory"
        label={t("rule.directory")}
        rules={[{ required: true, message: t("rule.needed") }, { pattern: /^\//, message: t("rule.badDirectory") }]}
        extra={t("rule.directoryText")}
      >
        <Input autoCapitalize="none" spellCheck={false} className="mono" />
      </Form.Item>
      <Form.Item
        name="dockerfileName"
        label={t("rule.filename")}
        rules={[{ required: true, message: t("rule.needed") }]}
        extra={t("rule.filenameText")}
      >
        <Input autoCapitalize="none" spellCheck={false} className="mono" />
      </Form.Item>
    </>
  );
}
