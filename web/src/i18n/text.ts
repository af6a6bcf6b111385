// Texts in two languages. A catalogue is a pair of flat files, NAME.en.json and NAME.zh.json, whose keys start with "NAME.".
// In a text {name} is a parameter and {n, plural, one {# build} other {# builds}} depends on a number.
import { type Language, usePrefs } from "../prefs";

export type Values = Record<string, string | number>;

const PLURAL = /\{(\w+), plural,((?:\s*\w+ \{[^{}]*\})+)\}/g;

export function locale(language: Language): string {
  return language === "zh" ? "zh-CN" : "en";
}

function plural(language: Language, n: number, forms: string): string {
  const texts = Object.fromEntries([...forms.matchAll(/(\w+) \{([^{}]*)\}/g)].map((m) => [m[1], m[2]]));
  const text = texts[new Intl.PluralRules(locale(language)).select(n)] ?? texts.other ?? "";
  return text.replaceAll("#", new Intl.NumberFormat(locale(language)).format(n));
}

export function fill(language: Language, text: string, values: Values = {}): string {
  return text
    .replace(PLURAL, (_all, name: string, forms: string) => plural(language, Number(values[name]), forms))
    .replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** A hook that gives the texts of one catalogue: const useText = textOf(en, zh); const t = useText(); t("x.title"). */
export function textOf<E extends Record<string, string>>(en: E, zh: Record<keyof E, string>) {
  type Key = keyof E & string;
  const bound = {
    en: (key: Key, values?: Values) => fill("en", en[key] as string, values),
    zh: (key: Key, values?: Values) => fill("zh", zh[key], values),
  };
  return () => bound[usePrefs().language];
}
