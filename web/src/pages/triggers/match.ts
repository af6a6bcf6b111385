// Which refs of deliveries the rules are asked about, and which rules match them.
import type { Delivery, Preview, Rule } from "../../api";

/** Those that are shown, at most `shown` of a delivery, and still are there. */
export function refsOf(items: Delivery[], shown: number): string[] {
  const changes = items.flatMap((item) => item.changes.slice(0, shown));
  return [...new Set(changes.filter((change) => !change.deleted).map((change) => change.ref))].sort();
}

/** The rules that match a ref, each with what they make of it. */
export function matchesOf(ref: string, previews: Preview[], rules: Rule[]): Array<{ rule: Rule; preview: Preview }> {
  return previews
    .filter((preview) => preview.ref === ref && preview.matches)
    .flatMap((preview) => rules.filter((rule) => rule.id === preview.ruleId).map((rule) => ({ rule, preview })));
}
