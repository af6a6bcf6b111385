// The deploy key that kiln made: what the provider needs to let it in.
import { Command } from "../../ui/values";
import { useText } from "./text";

export function DeployKey({ text }: { text: string | null }) {
  const t = useText();
  if (!text) return null;
  return (
    <div className="stack-small">
      <p>{t("sources.keyText")}</p>
      <Command what={t("sources.key")} text={text} />
    </div>
  );
}
