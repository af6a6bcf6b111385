// Starting a build: of the rule's own name, or of a ref that one picks.
import { AutoComplete, Button, Form, Modal } from "antd";
import { useState } from "react";
import { useNavigate } from "react-router";
import { api, type Build, path, type Repository, type Rule } from "../../api";
import { useChange, usePreview, useRefsOfSource } from "../../queries";
import { isTagRef, shortRef } from "../../ui/domain";
import { ProblemAlert } from "../../ui/states";
import { buildUrl } from "../../urls";
import { useText } from "./text";

export function useStartBuild(repository: string, rule: string) {
  const navigate = useNavigate();
  return useChange(
    (ref: string | undefined) => api.post<Build>(path`repositories/${repository}/rules/${rule}:build`, { ref }),
    [["builds"]],
    (build) => void navigate(buildUrl(repository, build.id)),
  );
}

export const fullRef = (rule: Rule, name: string) =>
  name.startsWith("refs/") ? name : `refs/${rule.refType === "GIT_TAG" ? "tags" : "heads"}/${name}`;

function Outcome({ repository, rule, name }: { repository: string; rule: Rule; name: string }) {
  const t = useText();
  const preview = usePreview(repository, { refs: [fullRef(rule, name)] }, name !== "");
  const found = preview.data?.items.find((item) => item.ruleId === rule.id);
  if (preview.error) return <ProblemAlert error={preview.error} />;
  if (!found) return null;
  if (!found.matches) return <p role="status">{t("building.refNoMatch")}</p>;
  if (found.problem) return <p role="status">{found.problem}</p>;
  return (
    <p role="status">
      {t("building.willWrite")}{" "}
      {found.tags.map((tag) => (
        <span key={tag} className="chip">
          {tag}
        </span>
      ))}
    </p>
  );
}

function RefForm({ repository, rule }: { repository: Repository; rule: Rule }) {
  const t = useText();
  const refs = useRefsOfSource(repository.source?.sourceId).data?.items ?? [];
  const wanted = refs.filter((r) => isTagRef(r.ref) === (rule.refType === "GIT_TAG"));
  const [name, setName] = useState("");
  const start = useStartBuild(repository.fullName, rule.id);
  return (
    <Form layout="vertical" onFinish={() => start.mutate(fullRef(rule, name.trim()))}>
      <Form.Item label={t(rule.refType === "GIT_TAG" ? "building.tag" : "building.branch")} htmlFor="build-ref">
        <AutoComplete
          id="build-ref"
          autoFocus
          value={name}
          onChange={setName}
          showSearch={{ filterOption: (typed, option) => String(option?.value).includes(typed) }}
          options={wanted.map((r) => ({ value: shortRef(r.ref) }))}
        />
      </Form.Item>
      <Outcome repository={repository.fullName} rule={rule} name={name.trim()} />
      {start.error ? <ProblemAlert error={start.error} /> : null}
      <Button type="primary" htmlType="submit" loading={start.isPending} disabled={!name.trim()}>
        {t("building.build")}
      </Button>
    </Form>
  );
}

/** Build, and for a rule that is started by pushes only why not, and Build a ref… beside it. */
export function BuildActions({ repository, rule }: { repository: Repository; rule: Rule }) {
  const t = useText();
  const [picking, setPicking] = useState(false);
  const start = useStartBuild(repository.fullName, rule.id);
  return (
    <>
      <Button
        type="link"
        disabled={!rule.buildableByHand}
        loading={start.isPending}
        aria-label={t("building.buildRule", { name: rule.pattern })}
        aria-describedby={rule.buildableByHand ? undefined : `why-${rule.id}`}
        onClick={() => start.mutate(undefined)}
      >
        {t("building.build")}
      </Button>
      <Button type="link" aria-label={t("building.buildRefOf", { name: rule.pattern })} onClick={() => setPicking(true)}>
        {t("building.buildRef")}
      </Button>
      <Modal open={picking} title={t("building.buildRef")} footer={null} onCancel={() => setPicking(false)} destroyOnHidden>
        <RefForm repository={repository} rule={rule} />
      </Modal>
      {start.error ? (
        <Modal open title={t("building.notStarted")} footer={null} onCancel={() => start.reset()}>
          <ProblemAlert error={start.error} />
        </Modal>
      ) : null}
    </>
  );
}
