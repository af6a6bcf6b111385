// The live preview: what the server's engine makes of the newest real ref, of any that is typed, and of all there are.
import { CheckCircleFilled, CloseCircleFilled } from "@ant-design/icons";
import { Alert, Input } from "antd";
import { type ReactNode, useState } from "react";
import { type ApiError, type Preview, type Repository } from "../../api";
import { useBuilds, usePreview } from "../../queries";
import { useSettled } from "../../ui/debounce";
import { isTagRef, shortRef } from "../../ui/domain";
import { ProblemAlert } from "../../ui/states";
import { type RuleDraft, requestOf } from "./draft";
import { useText } from "./text";

const TYPING_MS = 100;
const FEW = 50;
const CLASHES = 3;

/** The expression with a caret below the character that the server means. */
function Caret({ error, pattern }: { error: ApiError; pattern: string }) {
  const at = /offset (\d+)/.exec(error.message)?.[1];
  if (error.code !== "RULE_REGEX" || at === undefined) return null;
  return (
    <pre className="caret">
      {pattern}
      {"\n"}
      {" ".repeat(Number(at))}^
    </pre>
  );
}

function Tags({ tags }: { tags: string[] }) {
  return (
    <span className="chips">
      {tags.map((tag) => (
        <code key={tag} className="chip">
          {tag}
        </code>
      ))}
    </span>
  );
}

function Verdict({ found }: { found: Preview }) {
  const t = useText();
  const groups = Object.entries(found.groups);
  return (
    <div className="stack-small" role="status">
      <span className={found.matches ? "yes" : "no"}>
        {found.matches ? <CheckCircleFilled aria-hidden="true" /> : <CloseCircleFilled aria-hidden="true" />}{" "}
        {t(found.matches ? "rule.matches" : "rule.matchesNot")}
      </span>
      {groups.length > 0 ? (
        <table className="keys">
          <caption className="visually-hidden">{t("rule.groups")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("rule.group")}</th>
              <th scope="col">{t("rule.captured")}</th>
            </tr>
          </thead>
          <tbody>
            {groups.map(([name, value]) => (
              <tr key={name}>
                <td>
                  <code>{name}</code>
                </td>
                <td>
                  <code>{value}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      {found.tags.length > 0 ? (
        <div>
          <span className="quiet">{t("rule.tagsWritten")}</span> <Tags tags={found.tags} />
        </div>
      ) : null}
      {found.problem ? <p className="no">{found.problem}</p> : null}
    </div>
  );
}

/** Tags that another rule writes too, from the same push. */
function Conflicts({ items }: { items: Preview[] }) {
  const t = useText();
  const all = items.flatMap(({ ref, conflicts }) =>
    (conflicts ?? []).map(({ tag, pattern }) => t("rule.conflict", { tag, ref: shortRef(ref), rule: pattern })),
  );
  const lines = [...new Set(all)].slice(0, CLASHES);
  if (lines.length === 0) return null;
  return <Alert type="warning" role="status" showIcon title={t("rule.conflicts")} description={lines.map((line) => <p key={line}>{line}</p>)} />;
}

function RefList({ title, children, n }: { title: string; children: ReactNode; n: number }) {
  return (
    <details open={n > 0 && n <= 8}>
      <summary>{title}</summary>
      <ul className="refs">{children}</ul>
    </details>
  );
}

function Lists({ items }: { items: Preview[] }) {
  const t = useText();
  const matching = items.filter((item) => item.matches);
  const others = items.filter((item) => !item.matches);
  return (
    <>
      <RefList title={t("rule.matching", { n: matching.length })} n={matching.length}>
        {matching.slice(0, FEW).map((item) => (
          <li key={item.ref}>
            <code>{shortRef(item.ref)}</code> <Tags tags={item.tags} />
          </li>
        ))}
      </RefList>
      <RefList title={t("rule.notMatching", { n: others.length })} n={others.length}>
        {others.slice(0, FEW).map((item) => (
          <li key={item.ref}>
            <code>{shortRef(item.ref)}</code> <span className="quiet">{t(isTagRef(item.ref) ? "rule.tag" : "rule.branch")}</span>
          </li>
        ))}
      </RefList>
    </>
  );
}

/** The ref that was pushed last and matches, or the first that matches. */
function useNewest(repository: Repository, items: Preview[]): string {
  const builds = useBuilds({ repository: repository.fullName, limit: 20 });
  const matching = items.filter((item) => item.matches).map((item) => item.ref);
  const pushed = builds.data?.items.find((build) => matching.includes(build.ref))?.ref;
  return shortRef(pushed ?? matching[0] ?? "");
}

interface RulePreviewProps {
  repository: Repository;
  draft: RuleDraft;
  /** The stored one that is edited. */
  ruleId: string | undefined;
}

export function RulePreview({ repository, draft, ruleId }: RulePreviewProps) {
  const t = useText();
  const [typed, setTyped] = useState<string | null>(null);
  const rule = useSettled(requestOf(draft), TYPING_MS);
  const usable = Boolean(rule.pattern && rule.imageTags?.length && rule.platforms?.length);
  const all = usePreview(repository.fullName, { rule, ruleId }, usable);
  const newest = useNewest(repository, all.data?.items ?? []);
  // What is typed settles; what the server found has.
  const settled = useSettled(typed, TYPING_MS);
  const name = (settled ?? newest).trim();
  const ref = `refs/${rule.refType === "GIT_TAG" ? "tags" : "heads"}/${name}`;
  const one = usePreview(repository.fullName, { refs: [ref], rule, ruleId }, usable && name !== "");
  const found = one.data?.items.find((item) => item.ref === ref);
  const error = all.error ?? one.error;
  return (
    <aside className="section preview" aria-label={t("rule.preview")}>
      <h2>{t("rule.preview")}</h2>
      <div>
        <label className="field-label" htmlFor="preview-ref">{t(draft.refType === "GIT_TAG" ? "rule.ifTag" : "rule.ifBranch")}</label>
        <Input
          id="preview-ref"
          value={typed ?? newest}
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      {error ? (
        <>
          <ProblemAlert error={error} />
          <Caret error={error} pattern={draft.pattern} />
        </>
      ) : (
        <>
          {found && name ? <Verdict found={found} /> : <p className="hint">{t("rule.typeRef")}</p>}
          <Conflicts items={[...(found ? [found] : []), ...(all.data?.items ?? [])]} />
          {all.data ? <Lists items={all.data.items} /> : null}
        </>
      )}
    </aside>
  );
}
