// Lines in an address: #L120 and #L120-L140. People count from 1, the log from 0.

export type Range = readonly [from: number, to: number];

export function parseLink(hash: string): Range | null {
  const match = /^#L(\d{1,10})(?:-L(\d{1,10}))?$/.exec(hash);
  if (!match) return null;
  const [a, b] = [Number(match[1]), Number(match[2] ?? match[1])];
  return a > 0 && b > 0 ? [Math.min(a, b) - 1, Math.max(a, b) - 1] : null;
}

export function linkOf([from, to]: Range): string {
  return from === to ? `#L${from + 1}` : `#L${from + 1}-L${to + 1}`;
}
