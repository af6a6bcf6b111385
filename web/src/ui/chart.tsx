// The frame of a chart: places from left to right with names, values from the bottom to the top. What is in it draws itself.
import type { ReactNode } from "react";
import { named } from "./axis";
import "./chart.css";
import { useWidth } from "./width";

const TOP = 10;
const HEIGHT = 190;
const SMALL = 110;
const BELOW = 24;
const LEFT = 64;
const RIGHT = 22; // half of the last name
const LABEL = 64;

interface Place {
  /** The middle of a place. */
  x: (i: number) => number;
  y: (value: number) => number;
  /** A place's share of the width. */
  band: number;
}

interface ChartProps {
  label: string;
  /** Of the places; where they are many some are left out. */
  names: string[];
  /** From 0 to the highest value or above it. */
  ticks: number[];
  tickText: (value: number) => string;
  /** One of several beside each other. */
  small?: boolean;
  children: (place: Place) => ReactNode;
}

export function Chart({ label, names, ticks, tickText, small, children }: ChartProps) {
  const [ref, width] = useWidth();
  const height = small ? SMALL : HEIGHT;
  const most = ticks.at(-1) ?? 1;
  const room = width - LEFT - RIGHT;
  const band = room / names.length;
  const x = (i: number) => LEFT + band * (i + 0.5);
  const y = (value: number) => TOP + height * (1 - value / most);
  const isNamed = named(names.length, Math.floor(room / LABEL));
  return (
    <div ref={ref} className={small ? "chart chart-small" : "chart"}>
      {room > 0 ? (
        <svg width={width} height={TOP + height + BELOW} role="img" aria-label={label}>
          {ticks.map((value) => (
            <g key={value}>
              <line className="chart-grid" x1={LEFT} x2={LEFT + room} y1={y(value)} y2={y(value)} />
              <text x={LEFT - 8} y={y(value) + 4} textAnchor="end">
                {tickText(value)}
              </text>
            </g>
          ))}
          {names.map((name, i) =>
            isNamed(i) ? (
              <text key={x(i)} x={x(i)} y={TOP + height + 18} textAnchor="middle">
                {name}
              </text>
            ) : null,
          )}
          {children({ x, y, band })}
        </svg>
      ) : null}
    </div>
  );
}
