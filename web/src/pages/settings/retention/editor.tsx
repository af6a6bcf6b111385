// The rules of a policy, and the patterns that are never touched.
import { ArrowDownOutlined, ArrowUpOutlined, DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Checkbox, Input, InputNumber, Select } from "antd";
import type { ReactNode } from "react";
import { type Draft, MATCHES, type Match, MOST_NEVER, MOST_RULES, moved, NEW_PATTERN, NEW_RULE, newId, type PatternRow, type RuleRow } from "./model";
import { useText } from "./text";

const UNTAGGED_DAYS = 30;

function Field({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="rt-field">
      <span aria-hidden="true">{label}</span>
      {children}
    </div>
  );
}

interface PatternProps {
  row: PatternRow;
  /** "rule 2": which one, for names. */
  which: string;
  change: (part: Partial<PatternRow>) => void;
}

function PatternFields({ row, which, change }: PatternProps) {
  const t = useText();
  return (
    <>
      <Field label={t("retention.pattern")}>
        <Input
          value={row.pattern}
          className="mono"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={256}
          aria-label={t("retention.of", { what: t("retention.pattern"), which })}
          onChange={(event) => change({ pattern: event.target.value })}
        />
      </Field>
      <Field label={t("retention.match")}>
        <Select<Match>
          value={row.match}
          className="full"
          aria-label={t("retention.of", { what: t("retention.match"), which })}
          onChange={(match) => change({ match })}
          options={MATCHES.map((match) => ({ value: match, label: t(`retention.match.${match}`) }))}
        />
      </Field>
    </>
  );
}

function Remove({ which, act }: { which: string; act: () => void }) {
  const t = useText();
  return <Button type="text" danger icon={<DeleteOutlined aria-hidden />} aria-label={t("retention.remove", { which })} onClick={act} />;
}

interface NumberProps {
  label: string;
  which: string;
  value: number;
  max: number;
  change: (value: number) => void;
}

function NumberField({ label, which, value, max, change }: NumberProps) {
  const t = useText();
  return (
    <Field label={label}>
      <InputNumber
        className="full"
        min={0}
        max={max}
        precision={0}
        value={value}
        aria-label={t("retention.of", { what: label, which })}
        onChange={(next) => change(next ?? 0)}
      />
    </Field>
  );
}

interface RuleProps {
  row: RuleRow;
  at: number;
  n: number;
  change: (part: Partial<RuleRow>) => void;
  move: (by: -1 | 1) => void;
  remove: () => void;
}

function Rule({ row, at, n, change, move, remove }: RuleProps) {
  const t = useText();
  const which = t("retention.rule", { n: at + 1 });
  return (
    <li className="rt-rule">
      <PatternFields row={row} which={which} change={change} />
      <NumberField label={t("retention.newest")} which={which} max={10000} value={row.keepNewest} change={(keepNewest) => change({ keepNewest })} />
      <NumberField label={t("retention.days")} which={which} max={3650} value={row.keepDays} change={(keepDays) => change({ keepDays })} />
      <div className="rt-act">
        <Button
          type="text"
          icon={<ArrowUpOutlined aria-hidden />}
          disabled={at === 0}
          aria-label={t("retention.up", { which })}
          onClick={() => move(-1)}
        />
        <Button
          type="text"
          icon={<ArrowDownOutlined aria-hidden />}
          disabled={at === n - 1}
          aria-label={t("retention.down", { which })}
          onClick={() => move(1)}
        />
        <Remove which={which} act={remove} />
      </div>
    </li>
  );
}

interface EditorProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
}

const changed = <T extends { id: number }>(list: T[], id: number, part: Partial<T>) =>
  list.map((row) => (row.id === id ? { ...row, ...part } : row));

function Rules({ draft: { rules }, change }: EditorProps) {
  const t = useText();
  return (
    <>
      <h3>{t("retention.rules")}</h3>
      <p className="hint">{t("retention.rulesText")}</p>
      <ol className="rt-list">
        {rules.map((row, at) => (
          <Rule
            key={row.id}
            row={row}
            at={at}
            n={rules.length}
            change={(part) => change({ rules: changed(rules, row.id, part) })}
            move={(by) => change({ rules: moved(rules, at, by) })}
            remove={() => change({ rules: rules.filter((other) => other !== row) })}
          />
        ))}
      </ol>
      <Button
        icon={<PlusOutlined aria-hidden />}
        disabled={rules.length >= MOST_RULES}
        onClick={() => change({ rules: [...rules, { ...NEW_RULE, id: newId() }] })}
      >
        {t("retention.addRule")}
      </Button>
    </>
  );
}

function Never({ draft: { never }, change }: EditorProps) {
  const t = useText();
  return (
    <>
      <h3>{t("retention.never")}</h3>
      <ul className="rt-list">
        {never.map((row, at) => {
          const which = t("retention.neverNumber", { n: at + 1 });
          return (
            <li className="rt-rule rt-never" key={row.id}>
              <PatternFields row={row} which={which} change={(part) => change({ never: changed(never, row.id, part) })} />
              <div className="rt-act">
                <Remove which={which} act={() => change({ never: never.filter((other) => other !== row) })} />
              </div>
            </li>
          );
        })}
      </ul>
      <Button
        icon={<PlusOutlined aria-hidden />}
        disabled={never.length >= MOST_NEVER}
        onClick={() => change({ never: [...never, { ...NEW_PATTERN, id: newId() }] })}
      >
        {t("retention.addNever")}
      </Button>
    </>
  );
}

function Untagged({ draft: { untaggedDays }, change }: EditorProps) {
  const t = useText();
  return (
    <div className="rt-untagged">
      <Checkbox checked={untaggedDays !== null} onChange={(event) => change({ untaggedDays: event.target.checked ? UNTAGGED_DAYS : null })}>
        {t("retention.untagged")}
      </Checkbox>
      {untaggedDays !== null ? (
        <span className="row">
          <InputNumber
            min={1}
            max={3650}
            precision={0}
            value={untaggedDays}
            aria-label={t("retention.untaggedDays")}
            onChange={(days) => change({ untaggedDays: days ?? 1 })}
          />
          <span aria-hidden="true">{t("retention.daysWord")}</span>
        </span>
      ) : null}
      <p className="hint">{t("retention.untaggedText")}</p>
    </div>
  );
}

export function Editor(props: EditorProps) {
  return (
    <div className="rt-editor">
      <Rules {...props} />
      <Never {...props} />
      <Untagged {...props} />
    </div>
  );
}
