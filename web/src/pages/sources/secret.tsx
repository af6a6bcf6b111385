// What the provider's webhook needs; the secret is shown once.
import { Command } from "../../ui/values";
import { useText } from "./text";

export function Hook({ url, secret }: { url: string | null; secret: string | null }) {
  const t = useText();
  if (!url) return null;
  return (
    <div className="stack-small">
      <Command what={t("sources.hookUrl")} text={url} />
      {secret ? (
        <>
          <p>{t("sources.once")}</p>
          <Command what={t("sources.hookSecret")} text={secret} />
        </>
      ) : null}
    </div>
  );
}

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
