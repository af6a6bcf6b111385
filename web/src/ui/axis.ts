// Values and names along the axes of a chart.
const MOST_TICKS = 5;
const S = 1000;
const M = 60 * S;
const H = 60 * M;
const TIMES = [S, 2 * S, 5 * S, 10 * S, 20 * S, 30 * S, M, 2 * M, 5 * M, 10 * M, 20 * M, 30 * M, H, 2 * H, 5 * H, 10 * H, 24 * H];

function ticksBy(step: number, most: number): number[] {
  const n = Math.max(1, Math.ceil(most / step));
  return Array.from({ length: n + 1 }, (_, i) => i * step);
}

/** Values of an axis from 0 to `most` or just above it. */
export function countTicks(most: number): number[] {
  for (let unit = 1; ; unit *= 10) {
    const step = [1, 2, 5].map((n) => n * unit).find((n) => most / n <= MOST_TICKS);
    if (step) return ticksBy(step, most);
  }
}

export function timeTicks(most: number): number[] {
  const days = Math.ceil(most / (24 * H) / MOST_TICKS) * 24 * H;
  return ticksBy(TIMES.find((step) => most / step <= MOST_TICKS) ?? days, most);
}

const UNITS = [1, 2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40];

/** Bytes, in whole units of which people speak. */
export function sizeTicks(most: number): number[] {
  const unit = UNITS.findLast((n) => most >= n) ?? 1;
  return countTicks(most / unit).map((n) => n * unit);
}

/** Which of `n` places have their name below them when so many have room: the last one always. */
export function named(n: number, room: number): (i: number) => boolean {
  const every = Math.max(1, Math.ceil(n / Math.max(1, room)));
  return (i) => (n - 1 - i) % every === 0;
}
