// What a simple expression of crontab(5) means; the server reads them, and only it says when one comes next.

export type Meaning =
  | { kind: "minutes"; n: number }
  | { kind: "hourly"; minute: number }
  | { kind: "daily"; time: string }
  | { kind: "weekly"; days: number[]; time: string }
  | { kind: "monthly"; day: number; time: string }
  | { kind: "yearly"; month: number; day: number; time: string };

const SHORT: Record<string, string> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const whole = (text: string, most: number) => (/^\d{1,2}$/.test(text) && Number(text) <= most ? Number(text) : null);
const named = (text: string, names: string[], first: number) => {
  const at = names.indexOf(text.toLowerCase());
  return at < 0 ? null : at + first;
};
const dayOf = (text: string) => named(text, DAYS, 0) ?? whole(text, 7);

/** 1-5 and 1,3 alike; null for what has a step, or is no list of days. Sunday is 7, so that it ends the week. */
function daysOf(text: string): number[] | null {
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const [low, high, ...more] = part.split("-").map(dayOf);
    if (low === undefined || low === null || high === null || more.length > 0) return null;
    const last = high === 0 && low > 0 ? 7 : (high ?? low);
    for (let day = low; day <= last; day++) days.add(day === 0 ? 7 : day);
  }
  return [...days].sort((a, b) => a - b);
}

/** Every so many minutes, if an hour has a whole number of them. */
function minutesOf(text: string): Meaning | null {
  if (text === "*") return { kind: "minutes", n: 1 };
  const n = text.startsWith("*/") ? whole(text.slice(2), 59) : null;
  return n && 60 % n === 0 ? { kind: "minutes", n } : null;
}

/** null: it says more than a short sentence would. */
export function meaningOf(expression: string): Meaning | null {
  const [m, h, day, month, weekday, ...more] = (SHORT[expression] ?? expression).trim().split(/[ \t]+/);
  if (!m || !h || !day || !month || !weekday || more.length > 0) return null;
  const everyDay = day === "*" && month === "*" && weekday === "*";
  const minute = whole(m, 59);
  if (h === "*" && everyDay) return minute === null ? minutesOf(m) : { kind: "hourly", minute };
  const hour = whole(h, 23);
  if (minute === null || hour === null) return null;
  const time = [hour, minute].map((n) => String(n).padStart(2, "0")).join(":");
  if (everyDay) return { kind: "daily", time };
  if (day === "*" && month === "*") {
    const days = daysOf(weekday);
    return days && { kind: "weekly", days, time };
  }
  const date = whole(day, 31);
  if (!date || weekday !== "*") return null;
  if (month === "*") return { kind: "monthly", day: date, time };
  const of = named(month, MONTHS, 1) ?? whole(month, 12);
  return of ? { kind: "yearly", month: of, day: date, time } : null;
}
