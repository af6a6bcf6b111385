// What narrows the list of all builds; each is in the address.
import { Button, Select, Space } from "antd";
import { useState } from "react";
import { useSearchParams } from "react-router";
import type { BuildFilter } from "../../queries";
import { useRepositories } from "../../queries";
import { useParam } from "../../ui/cursor";
import { useSettled } from "../../ui/debounce";
import { isTagRef, shortRef } from "../../ui/domain";
import { SearchField } from "../../ui/search";
import { StateField, TriggerField } from "../building/list";
import { useText } from "./text";

const OFFERED = 20;
const TYPING_MS = 250;
const HEADS = "refs/heads/";
const TAGS = "refs/tags/";
const NAMES = ["status", "trigger", "repository", "ref", "rule", "delivery"] as const;

/** The filter of the address. */
export function useFilter(): BuildFilter {
  const [params] = useSearchParams();
  return Object.fromEntries(NAMES.map((name) => [name, params.get(name) ?? ""]));
}

function RepositoryField() {
  const t = useText();
  const [repository, setRepository] = useParam("repository");
  const [typed, setTyped] = useState("");
  const found = useRepositories({ q: useSettled(typed, TYPING_MS), limit: OFFERED }).data?.items ?? [];
  return (
    <Select
      className="filter"
      showSearch={{ filterOption: false, onSearch: setTyped }}
      allowClear
      value={repository || undefined}
      placeholder={t("builds.repository")}
      aria-label={t("builds.repository")}
      onChange={(name?: string) => setRepository(name ?? "")}
      options={found.map(({ fullName }) => ({ value: fullName, label: fullName }))}
    />
  );
}

function RefField() {
  const t = useText();
  const [ref, setRef] = useParam("ref");
  const [chosen, setChosen] = useState(HEADS);
  const kind = ref ? (isTagRef(ref) ? TAGS : HEADS) : chosen;
  const choose = (next: string) => {
    setChosen(next);
    if (ref) setRef(next + shortRef(ref));
  };
  return (
    <Space.Compact className="builds-ref">
      <Select
        aria-label={t("builds.refKind")}
        value={kind}
        onChange={choose}
        options={[
          { value: HEADS, label: t("builds.branch") },
          { value: TAGS, label: t("builds.tag") },
        ]}
      />
      <SearchField param="ref" before={kind} label={t(kind === TAGS ? "builds.byTag" : "builds.byBranch")} />
    </Space.Compact>
  );
}

/** A filter that other pages link with; it can only be taken away. */
function Only({ name, say }: { name: "rule" | "delivery"; say: (id: string) => string }) {
  const t = useText();
  const [id, setId] = useParam(name);
  if (!id) return null;
  return (
    <Button className="builds-only" aria-label={t("builds.without", { what: say(id) })} onClick={() => setId("")}>
      {say(id)} <span aria-hidden="true">×</span>
    </Button>
  );
}

export function Filters() {
  const t = useText();
  return (
    <div className="toolbar">
      <StateField />
      <TriggerField />
      <RepositoryField />
      <RefField />
      <Only name="rule" say={(id) => t("builds.ofRule", { id })} />
      <Only name="delivery" say={(id) => t("builds.ofDelivery", { id })} />
    </div>
  );
}
