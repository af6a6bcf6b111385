// A small table of the page of a build: it scrolls sideways in its box where it is too wide.
import type { ReactNode } from "react";
import { useBuildText } from "./text";

type ColumnName =
  | "platforms" | "state" | "manifest" | "own" | "shared" | "step" | "instruction" | "size" | "digest" | "time" | "cache"
  | "before" | "now" | "change" | "base" | "name" | "value" | "worker" | "processor" | "queued" | "attempts"
  | "build" | "ref" | "commit" | "created" | "layers" | "reason";

interface KeyTableProps {
  caption: string;
  columns: readonly ColumnName[];
  /** The rows. */
  children: ReactNode;
}

export function KeyTable({ caption, columns, children }: KeyTableProps) {
  const t = useBuildText();
  return (
    <div className="table-box" role="group" aria-label={caption} tabIndex={0}>
      <table className="keys">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((name) => (
              <th key={name} scope="col">
                {t(`build.column.${name}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
