// Whether kiln reaches a code source: what the last look found.
import type { Source } from "../../api";
import { Pill } from "../../ui/pill";
import { useText } from "./text";

export function SourceState({ source }: { source: Source }) {
  const t = useText();
  if (source.lastError) {
    return (
      <Pill tone="bad" sentence={source.lastError}>
        {t("sources.failing")}
      </Pill>
    );
  }
  return source.lastLookAt ? <Pill tone="good">{t("sources.reached")}</Pill> : <Pill tone="wait">{t("sources.notYet")}</Pill>;
}
