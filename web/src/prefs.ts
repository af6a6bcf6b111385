// What a person prefers, kept in the browser. boot.js reads the theme from the same key before the first paint.
import { useSyncExternalStore } from "react";

export type Language = "en" | "zh";
export type Theme = "system" | "light" | "dark";

export interface Prefs {
  language: Language;
  theme: Theme;
  shortcuts: boolean;
}

const KEY = "kiln.prefs";
const listeners = new Set<() => void>();
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function load(): Prefs {
  const first: Prefs = {
    language: navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en",
    theme: "system",
    shortcuts: true,
  };
  try {
    return { ...first, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return first;
  }
}

let prefs = load();

function changed() {
  document.documentElement.lang = prefs.language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}

export function getPrefs(): Prefs {
  return prefs;
}

export function setPrefs(change: Partial<Prefs>) {
  prefs = { ...prefs, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
  changed();
}

export function isDark(): boolean {
  return prefs.theme === "dark" || (prefs.theme === "system" && systemDark.matches);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function usePrefs(): Prefs {
  return useSyncExternalStore(subscribe, getPrefs);
}

export function useDark(): boolean {
  return useSyncExternalStore(subscribe, isDark);
}

const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether things may move. */
export function useMotion(): boolean {
  return useSyncExternalStore(subscribe, () => !lessMotion.matches);
}

lessMotion.addEventListener("change", changed);
systemDark.addEventListener("change", changed);
changed();
