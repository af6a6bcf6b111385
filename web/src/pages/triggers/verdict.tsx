// What the rules of a repository make of the refs that deliveries named: the server's own engine, with the rules of now.
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Delivery } from "../../api";
import { usePreview, useRules } from "../../queries";
import { type Change, SHOWN_CHANGES } from "../../ui/deliveries";
import { ProblemAlert } from "../../ui/states";
import { ruleUrl } from "../../urls";
import { matchesOf, refsOf } from "./match";
import { useText } from "./text";

function Verdict({ repository, matches }: { repository: string; matches: ReturnType<typeof matchesOf> }) {
  const t = useText();
  if (matches.length === 0) return <p className="quiet">{t("triggers.noRule")}</p>;
  return matches.map(({ rule, preview }) => (
    <p key={rule.id}>
      {t("triggers.rule")}{" "}
      <Link to={ruleUrl(repository, rule.id)} className="in-text given">
        {rule.pattern}
      </Link>{" "}
      {preview.enabled ? null : t("triggers.ruleOff")} {preview.problem ? <span className="no">{preview.problem}</span> : null}
    </p>
  ));
}

/** For each change of the deliveries; nothing while it is asked for. */
export function useVerdict(repository: string, items: Delivery[]): { verdict: (change: Change) => ReactNode; problem: ReactNode } {
  const refs = refsOf(items, SHOWN_CHANGES);
  const rules = useRules(repository).data;
  const preview = usePreview(repository, { refs }, refs.length > 0);
  const previews = preview.data?.items;
  return {
    verdict: (change) =>
      rules && previews && !preview.isPlaceholderData && !change.deleted ? (
        <Verdict repository={repository} matches={matchesOf(change.ref, previews, rules)} />
      ) : null,
    problem: preview.error ? <ProblemAlert error={preview.error} retry={() => void preview.refetch()} /> : null,
  };
}
