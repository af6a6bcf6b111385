// The list of an instance's checks: icon, word, sentence, and where something is wrong what to do.
import { WarningFilled } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { addressChecks, type Check, type HealthState, settingOf, storageChecks } from "../health";
import type { Instance } from "../api";
import * as format from "../i18n/format";
import en from "../i18n/health.en.json";
import { textOf } from "../i18n/text";
import zh from "../i18n/health.zh.json";
import { usePrefs } from "../prefs";
import { Pill, type Tone } from "./pill";
import { Command } from "./values";

const useText = textOf(en, zh);
type Key = keyof typeof en;

const TONES: Record<HealthState, Tone> = { good: "good", warn: "wait", bad: "bad" };

export function Checks({ items }: { items: Check[] }) {
  const t = useText();
  return (
    <ul className="checks">
      {items.map(({ key, state, values, command }) => {
        const fix = `health.${key}.fix`;
        return (
          <li key={`${key} ${values?.platform ?? ""}`}>
            <Pill tone={TONES[state]} icon={state === "warn" ? <WarningFilled /> : undefined}>
              {t(`health.state.${state}`)}
            </Pill>
            <div className="grow">
              {t(`health.${key}` as Key, values)}
              {fix in en ? <p className="hint">{t(fix as Key, values)}</p> : null}
              {command ? <Command what={command} text={command} /> : null}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

/** Does this origin answer as a registry? Clients always ask at /v2/, whatever path the console has. */
function useRegistryAnswers() {
  return useQuery({
    queryKey: ["registry answers"],
    queryFn: async ({ signal }) => {
      const answer = await fetch(new URL("/v2/", location.origin), { signal, credentials: "omit" }).catch(() => null);
      return answer?.status === 200 || (answer?.status === 401 && (answer.headers.get("WWW-Authenticate") ?? "").startsWith("Bearer"));
    },
  }).data;
}

export function AddressHealth({ instance }: { instance: Instance }) {
  const registry = useRegistryAnswers();
  return <Checks items={addressChecks(new URL(document.baseURI), settingOf(instance, "external-url"), registry)} />;
}

export function StorageHealth({ instance }: { instance: Instance }) {
  const { language } = usePrefs();
  const { directory, availableBytes, totalBytes, blobs, blobBytes } = instance.storage;
  const size = (bytes: number) => format.size(language, bytes);
  const values = { directory, free: size(availableBytes), total: size(totalBytes), n: blobs, bytes: size(blobBytes) };
  return <Checks items={[...storageChecks(instance).map((check) => ({ ...check, values })), { key: "stored", state: "good", values }]} />;
}
