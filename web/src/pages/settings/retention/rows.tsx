// The tags of a preview: thousands of them, of which the rows in sight are in the document.
import { DeleteOutlined, CheckCircleFilled } from "@ant-design/icons";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { RetentionTag } from "../../../api";
import { Time } from "../../../ui/values";
import { windowOf } from "./model";
import { useText } from "./text";

/** As in retention.css. */
const ROW_PX = 52;

function useReason() {
  const t = useText();
  return ({ reason, pattern, rule, rank }: RetentionTag) =>
    t(`retention.reason.${reason}`, { pattern: pattern ?? "", rule: rule ?? 0, rank: rank ?? 0 });
}

function Row({ tag, at, of }: { tag: RetentionTag; at: number; of: number }) {
  const t = useText();
  const reason = useReason();
  const goes = tag.decision === "go";
  return (
    <li className="rt-tag" aria-posinset={at} aria-setsize={of}>
      <span className={goes ? "no" : "yes"}>
        {goes ? <DeleteOutlined aria-hidden /> : <CheckCircleFilled aria-hidden />} {t(goes ? "retention.goes" : "retention.stays")}
      </span>
      <code className="rt-name" title={tag.name}>
        {tag.name}
      </code>
      <span className="rt-why" title={reason(tag)}>
        {reason(tag)}
      </span>
      <span className="quiet rt-time">
        <Time at={tag.pushedAt} />
      </span>
    </li>
  );
}

interface RowsProps {
  label: string;
  tags: RetentionTag[];
  /** All there are, as far as that is known. */
  total: number;
  more: () => void;
}

export function Rows({ label, tags, total, more }: RowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState<[number, number]>([0, 0]);
  const look = () => {
    if (!box.current) return;
    const next = windowOf(box.current.scrollTop, box.current.clientHeight, ROW_PX, tags.length);
    setSight((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
  };
  useLayoutEffect(look, [tags.length]);
  const [first, last] = sight;
  const atEnd = last >= tags.length;
  useEffect(() => {
    if (atEnd) more();
  }, [atEnd, tags.length]);
  return (
    <div className="rt-rows" ref={box} onScroll={look} tabIndex={0} role="region" aria-label={label}>
      <div style={{ height: first * ROW_PX }} />
      <ul>
        {tags.slice(first, last).map((tag, i) => (
          <Row key={tag.name} tag={tag} at={first + i + 1} of={total} />
        ))}
      </ul>
      <div style={{ height: Math.max(0, tags.length - last) * ROW_PX }} />
    </div>
  );
}
