// What schedules are called, and the sentence of an expression.
import { locale, textOf } from "../../i18n/text";
import en from "../../i18n/schedules.en.json";
import zh from "../../i18n/schedules.zh.json";
import { type Language, usePrefs } from "../../prefs";
import { meaningOf } from "./cron";

export const useText = textOf(en, zh);

// 2023-01-01 was a Sunday.
const weekday = (language: Language, day: number) =>
  new Intl.DateTimeFormat(locale(language), { weekday: "long", timeZone: "UTC" }).format(Date.UTC(2023, 0, 1 + day));
const date = (language: Language, month: number, day: number) =>
  new Intl.DateTimeFormat(locale(language), { month: "long", day: "numeric", timeZone: "UTC" }).format(Date.UTC(2024, month - 1, day));
const list = (language: Language, words: string[]) => new Intl.ListFormat(locale(language), { type: "conjunction" }).format(words);

/** A sentence for what is simple; null otherwise. */
export function useMeaning() {
  const t = useText();
  const { language } = usePrefs();
  return (expression: string): string | null => {
    const meaning = meaningOf(expression);
    switch (meaning?.kind) {
      case "minutes":
        return t("schedules.means.minutes", { n: meaning.n });
      case "hourly":
        return meaning.minute ? t("schedules.means.hourly", { minute: meaning.minute }) : t("schedules.means.onTheHour");
      case "daily":
        return t("schedules.means.daily", { time: meaning.time });
      case "weekly":
        return t("schedules.means.weekly", { days: list(language, meaning.days.map((day) => weekday(language, day))), time: meaning.time });
      case "monthly":
        return t("schedules.means.monthly", { day: meaning.day, time: meaning.time });
      case "yearly":
        return t("schedules.means.yearly", { date: date(language, meaning.month, meaning.day), time: meaning.time });
      default:
        return null;
    }
  };
}

/** A time as the clocks of the zone show it; a zone that the browser does not know is shown in UTC. */
export function inZone(language: Language, at: string, timeZone: string): string {
  const format = (zone: string) =>
    new Intl.DateTimeFormat(locale(language), {
      timeZone: zone,
      weekday: "short",
      year: "numeric",
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      timeZoneName: "short",
    }).format(Date.parse(at));
  try {
    return format(timeZone);
  } catch {
    return format("UTC");
  }
}

export const ZONES: string[] = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
