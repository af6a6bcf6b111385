// Step Image Version: up to three configurations, of which one is open at a time.
import { PlusOutlined } from "@ant-design/icons";
import { Button, Checkbox, Input, InputNumber, Radio } from "antd";
import { useId, useState } from "react";
import { COMMIT_MAX, COMMIT_MIN, groupsOf, MAX_TAGS, NEW_TAG, type TagDraft, templateOf } from "./draft";
import type { StepProps } from "./information";
import { useText } from "./text";

interface ConfigurationProps {
  tag: TagDraft;
  n: number;
  groups: string[];
  change: (part: Partial<TagDraft>) => void;
  save: () => void;
}

function CommitId({ value, onChange }: { value: number | null; onChange: (value: number | null) => void }) {
  const t = useText();
  const length = value ?? COMMIT_MIN;
  return (
    <div className="field">
      <Checkbox checked={value !== null} onChange={(event) => onChange(event.target.checked ? COMMIT_MIN : null)}>
        {t("rule.commit")}
      </Checkbox>
      {value !== null ? (
        <div className="row">
          <input
            type="range"
            className="grow"
            min={COMMIT_MIN}
            max={COMMIT_MAX}
            value={length}
            aria-label={t("rule.commitLength")}
            onChange={(event) => onChange(event.target.valueAsNumber)}
          />
          <InputNumber
            min={COMMIT_MIN}
            max={COMMIT_MAX}
            value={length}
            aria-label={t("rule.commitLength")}
            onChange={(n) => onChange(n ?? COMMIT_MIN)}
          />
        </div>
      ) : null}
      <p className="hint">{t("rule.commitText")}</p>
    </div>
  );
}

function Configuration({ tag, n, groups, change, save }: ConfigurationProps) {
  const t = useText();
  const id = useId();
  return (
    <fieldset className="configuration">
      <legend>{t("rule.configuration", { n })}</legend>
      <div className="field">
        <label className="field-label" htmlFor={id}>{t("rule.version")}</label>
        <Input
          id={id}
          value={tag.version}
          className="mono"
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => change({ version: event.target.value })}
        />
        <p className="hint">{t("rule.versionText")}</p>
        {groups.length > 0 ? (
          <div className="chips">
            {groups.map((group) => (
              <Button key={group} size="small" onClick={() => change({ version: `${tag.version}\${${group}}` })}>
                {t("rule.insert", { group: `\${${group}}` })}
              </Button>
            ))}
          </div>
        ) : null}
      </div>
      <div className="field">
        <span className="field-label" id={`${id}-time`}>{t("rule.time")}</span>
        <Radio.Group
          aria-labelledby={`${id}-time`}
          value={tag.buildTime}
          onChange={(event) => change({ buildTime: event.target.value })}
          options={[
            { value: null as unknown as string, label: t("rule.timeNone") },
            { value: "YYYYMMDD", label: "YYYYMMDD" },
            { value: "YYYYMMDDHHMM", label: "YYYYMMDDHHMM" },
          ]}
        />
        <p className="hint">{t("rule.timeText")}</p>
      </div>
      <CommitId value={tag.commitId} onChange={(commitId) => change({ commitId })} />
      <Button onClick={save}>{t("rule.save")}</Button>
    </fieldset>
  );
}

export function Versions({ draft, change }: StepProps) {
  const t = useText();
  const [open, setOpen] = useState<number | null>(0);
  const groups = draft.match === "expression" ? groupsOf(draft.pattern) : [];
  const tags = draft.imageTags;
  const set = (i: number, part: Partial<TagDraft>) =>
    change({ imageTags: tags.map((tag, k) => (k === i ? { ...tag, ...part } : tag)) });
  const add = () => {
    change({ imageTags: [...tags, { ...NEW_TAG, version: "" }] });
    setOpen(tags.length);
  };
  const remove = (i: number) => {
    change({ imageTags: tags.filter((_, k) => k !== i) });
    setOpen(null);
  };
  return (
    <div className="stack">
      {tags.map((tag, i) =>
        i === open ? (
          <Configuration
            key={`open-${i + 1}`}
            tag={tag}
            n={i + 1}
            groups={groups}
            change={(part) => set(i, part)}
            save={() => setOpen(null)}
          />
        ) : (
          <div key={`closed-${i + 1}`} className="configuration row">
            <code className="grow">{templateOf(tag) || "…"}</code>
            <Button size="small" aria-label={t("rule.editNamed", { n: i + 1 })} onClick={() => setOpen(i)}>
              {t("rule.edit")}
            </Button>
            {tags.length > 1 ? (
              <Button size="small" danger aria-label={t("rule.removeNamed", { n: i + 1 })} onClick={() => remove(i)}>
                {t("rule.remove")}
              </Button>
            ) : null}
          </div>
        ),
      )}
      <div>
        <Button icon={<PlusOutlined aria-hidden />} disabled={tags.length >= MAX_TAGS} onClick={add}>
          {t("rule.addConfiguration")}
        </Button>
        <p className="hint">{t("rule.upToThree", { n: tags.length })}</p>
      </div>
    </div>
  );
}
