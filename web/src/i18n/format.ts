// Times, durations and sizes as people read them, in the language of the page.
import type { Language } from "../prefs";
import { locale } from "./text";

const STEPS: Array<[Intl.RelativeTimeFormatUnit, number]> = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

export function relativeTime(language: Language, at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000);
  const [unit, size] = STEPS.find(([, n]) => Math.abs(seconds) >= n) ?? ["second", 1];
  // What is gone counts when it is whole; 30 days ahead are 30 a moment later too.
  const n = seconds > 0 ? Math.round(seconds / size) : Math.trunc(seconds / size);
  return new Intl.RelativeTimeFormat(locale(language), { numeric: "auto" }).format(n, unit);
}

export function absoluteTime(language: Language, at: number): string {
  return new Intl.DateTimeFormat(locale(language), { dateStyle: "medium", timeStyle: "long" }).format(at);
}

/** 0.4 s, 12 s, 1 m 12 s, 2 h 5 m. */
export function duration(language: Language, ms: number): string {
  const [h, m, s] = language === "zh" ? [" 小时", " 分", " 秒"] : [" h", " m", " s"];
  const total = Math.max(0, ms) / 1000;
  if (total < 10) return `${total.toFixed(1)}${s}`;
  const whole = Math.floor(total);
  if (whole < 60) return `${whole}${s}`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${m} ${whole % 60}${s}`;
  return `${Math.floor(whole / 3600)}${h} ${Math.floor((whole % 3600) / 60)}${m}`;
}

export function size(language: Language, bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 100 ? 1 : 0;
  return `${new Intl.NumberFormat(locale(language), { maximumFractionDigits: digits }).format(value)} ${units[unit]}`;
}

export function number(language: Language, n: number): string {
  return new Intl.NumberFormat(locale(language)).format(n);
}
