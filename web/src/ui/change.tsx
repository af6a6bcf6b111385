// How something changed: a size by so much, a thing added or removed.
import { CheckOutlined, EditOutlined, MinusOutlined, PlusOutlined } from "@ant-design/icons";
import type { ReactNode } from "react";
import * as format from "../i18n/format";
import { usePrefs } from "../prefs";
import { Pill, type Tone } from "./pill";

const MARKS: Record<"same" | "changed" | "added" | "removed", [Tone, ReactNode]> = {
  same: ["off", <CheckOutlined key="i" />],
  changed: ["run", <EditOutlined key="i" />],
  added: ["good", <PlusOutlined key="i" />],
  removed: ["bad", <MinusOutlined key="i" />],
};

export function ChangePill({ change, children }: { change: keyof typeof MARKS; children: ReactNode }) {
  const [tone, icon] = MARKS[change];
  return (
    <Pill tone={tone} icon={icon}>
      {children}
    </Pill>
  );
}

/** The second size against the first, with its sign. */
export function SizeChange({ from, to }: { from: number | null | undefined; to: number | null | undefined }) {
  const { language } = usePrefs();
  if (from === null || from === undefined || to === null || to === undefined) return <span className="quiet">–</span>;
  const bytes = to - from;
  const sign = bytes > 0 ? "+" : bytes < 0 ? "\u2212" : "\u00b1";
  return (
    <span className="number" title={`${sign}${format.number(language, Math.abs(bytes))} B`}>
      {sign}
      {format.size(language, Math.abs(bytes))}
    </span>
  );
}
