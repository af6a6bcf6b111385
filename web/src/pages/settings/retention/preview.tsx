// What the policy of the editor would do now: which tags go, which stay, and why.
import { Radio } from "antd";
import { useEffect } from "react";
import type { Retention, RetentionPolicy, RetentionPreview } from "../../../api";
import { useParam } from "../../../ui/cursor";
import { useSettled } from "../../../ui/debounce";
import { SearchField } from "../../../ui/search";
import { Nothing, Shown } from "../../../ui/states";
import { Size } from "../../../ui/values";
import { useRetentionPreview } from "./queries";
import { Rows } from "./rows";
import { useText } from "./text";

const TYPING_MS = 250;

/** The numbers of a preview, and of which policy they are. */
export interface Seen {
  policy: string;
  numbers: RetentionPreview;
}

function Numbers({ found }: { found: RetentionPreview }) {
  const t = useText();
  const { untagged } = found;
  return (
    <div className="rt-numbers" role="status">
      <p>
        <strong>{t("retention.go", { n: found.go })}</strong>, {t("retention.keep", { n: found.keep })}. {t("retention.hold")}{" "}
        <Size bytes={found.bytes} />
      </p>
      {untagged.manifests + untagged.blobs > 0 ? (
        <p>
          {t("retention.unneeded", { manifests: untagged.manifests, blobs: untagged.blobs })} <Size bytes={untagged.bytes} />
        </p>
      ) : null}
    </div>
  );
}

function Choice() {
  const t = useText();
  const [decision, setDecision] = useParam("decision", "go");
  return (
    <Radio.Group
      optionType="button"
      aria-label={t("retention.show")}
      value={decision}
      onChange={(event) => setDecision(event.target.value as string)}
      options={[
        { value: "go", label: t("retention.onlyGo") },
        { value: "keep", label: t("retention.onlyKeep") },
      ]}
    />
  );
}

interface PreviewProps {
  name: string;
  stored: Retention;
  policy: RetentionPolicy;
  whole: boolean;
  see: (seen: Seen | null) => void;
}

export function Preview({ name, stored, policy, whole, see }: PreviewProps) {
  const t = useText();
  const [decision] = useParam("decision", "go");
  const [q] = useParam("q");
  const settled = useSettled(policy, TYPING_MS);
  const text = JSON.stringify(settled);
  const preview = useRetentionPreview(name, settled, { decision, q }, stored.lastRun?.endedAt ?? null, whole);
  const first = preview.data?.pages[0];
  const fresh = whole && !preview.isPlaceholderData && !preview.error && text === JSON.stringify(policy);
  useEffect(() => see(fresh && first ? { policy: text, numbers: first } : null), [fresh, first, text, see]);
  const tags = preview.data?.pages.flatMap((page) => page.items) ?? [];
  const total = q || !first ? tags.length : decision === "go" ? first.go : first.keep;
  return (
    <>
      <h3>{t("retention.preview")}</h3>
      {whole ? null : <p className="hint">{t("retention.half")}</p>}
      <Shown query={preview} rows={3}>
        {() => (first ? <Numbers found={first} /> : null)}
      </Shown>
      <div className="toolbar">
        <Choice />
        <SearchField label={t("retention.search")} />
      </div>
      {tags.length > 0 ? (
        <Rows
          key={`${decision} ${q} ${text}`}
          label={t(decision === "go" ? "retention.listGo" : "retention.listKeep")}
          tags={tags}
          total={total}
          more={() => {
            if (preview.hasNextPage && !preview.isFetchingNextPage) void preview.fetchNextPage();
          }}
        />
      ) : first ? (
        <Nothing title={t(q ? "retention.noMatch" : decision === "go" ? "retention.noneGo" : "retention.noneKeep")} />
      ) : null}
    </>
  );
}
