// A table with caption and, on narrow screens, a card for each row: Ant Design's table scrolls sideways there.
import { Fragment, type ReactNode } from "react";

export interface Column<T> {
  title: string;
  render: (row: T) => ReactNode;
  /** Keeps its width: for actions and numbers. */
  narrow?: boolean;
}

interface TableProps<T> {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** What is shown below a row, over its whole width; null for nothing. */
  below?: (row: T) => ReactNode;
  /** Stands out: what was just made. */
  marked?: (row: T) => boolean;
}

export function Table<T>({ caption, columns, rows, rowKey, below, marked }: TableProps<T>) {
  return (
    <table className="table">
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.title} scope="col" className={column.narrow ? "narrow" : undefined}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const more = below?.(row);
          return (
            <Fragment key={rowKey(row)}>
              <tr className={marked?.(row) ? "marked" : undefined}>
                {columns.map((column) => (
                  <td key={column.title} data-title={column.title} className={column.narrow ? "narrow" : undefined}>
                    <div className="cell">{column.render(row)}</div>
                  </td>
                ))}
              </tr>
              {more ? (
                <tr className="below">
                  <td colSpan={columns.length}>{more}</td>
                </tr>
              ) : null}
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}
