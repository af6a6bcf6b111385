// Which two versions: tags that are found while one types, or a digest.
import { SwapOutlined } from "@ant-design/icons";
import { Button, Select } from "antd";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useTags } from "../../queries";
import { useSettled } from "../../ui/debounce";
import { shortDigest } from "../../ui/values";
import { compareUrl } from "../../urls";
import { useText } from "./text";

const OFFERED = 30;
const TYPING_MS = 250;
const DIGEST = /^[a-z0-9]+:[0-9a-f]{32,}$/;

/** A version as one reads it. */
export const versionName = (version: string) => (version.includes(":") ? shortDigest(version) : version);

interface VersionFieldProps {
  repository: string;
  label: string;
  version: string;
  choose: (version: string) => void;
}

function VersionField({ repository, label, version, choose }: VersionFieldProps) {
  const t = useText();
  const [typed, setTyped] = useState("");
  const q = useSettled(typed.trim(), TYPING_MS);
  const found = useTags(repository, { q, sort: "updated", limit: OFFERED }).data?.items.map((tag) => tag.name) ?? [];
  const offered = new Set([...(version ? [version] : []), ...(DIGEST.test(typed.trim()) ? [typed.trim()] : []), ...found]);
  return (
    <label className="compare-version">
      <span>{label}</span>
      <Select
        showSearch={{ filterOption: false, onSearch: setTyped }}
        value={version || undefined}
        placeholder={t("compare.choose")}
        aria-label={label}
        onChange={choose}
        options={[...offered].map((value) => ({ value, label: versionName(value) }))}
      />
    </label>
  );
}

export function Choice({ repository, a, b }: { repository: string; a: string; b: string }) {
  const t = useText();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const go = (one: string, other: string) =>
    void navigate({ pathname: compareUrl(repository, one, other), search: params.toString() }, { replace: true });
  return (
    <div className="compare-choice">
      <VersionField repository={repository} label={t("compare.from")} version={a} choose={(one) => go(one, b)} />
      <Button icon={<SwapOutlined aria-hidden />} onClick={() => go(b, a)}>
        {t("compare.swap")}
      </Button>
      <VersionField repository={repository} label={t("compare.to")} version={b} choose={(other) => go(a, other)} />
    </div>
  );
}
