// A state as it looks everywhere: icon and word, because a colour alone says nothing.
import { CheckCircleFilled, ClockCircleOutlined, CloseCircleFilled, StopOutlined, SyncOutlined } from "@ant-design/icons";
import type { ReactNode } from "react";

export type Tone = "wait" | "run" | "good" | "bad" | "off";

const ICONS: Record<Tone, ReactNode> = {
  wait: <ClockCircleOutlined />,
  run: <SyncOutlined spin />,
  good: <CheckCircleFilled />,
  bad: <CloseCircleFilled />,
  off: <StopOutlined />,
};

interface PillProps {
  tone: Tone;
  /** Instead of the tone's own. */
  icon?: ReactNode;
  /** Says more, beside it. */
  sentence?: string;
  title?: string;
  children: ReactNode;
}

export function Pill({ tone, icon = ICONS[tone], sentence, title, children }: PillProps) {
  return (
    <span className="state">
      <span className={`pill pill-${tone}`} title={title}>
        <span aria-hidden="true">{icon}</span>
        {children}
      </span>
      {sentence ? <span className="sentence">{sentence}</span> : null}
    </span>
  );
}
