// Times of lines.

const two = (n: number) => String(n).padStart(2, "0");

/** "+1:02:03.4", from the build's start; what was said before it, by another clock or in the queue, counts as said then. */
export function sinceStart(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100);
  const seconds = Math.floor(tenths / 10);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const rest = `${two(s)}.${tenths % 10}`;
  return h ? `+${h}:${two(m)}:${rest}` : `+${m}:${rest}`;
}

/** "14:03:22.123", of the reader's clock. */
export function timeOfDay(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
