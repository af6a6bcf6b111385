import en from "./problem.en.json";
import { textOf } from "./text";
import zh from "./problem.zh.json";

const useText = textOf(en, zh);
type Key = keyof typeof en;

const isKnown = (key: string): key is Key => key in en;

/** What a code of the server means, in the reader's language; undefined for a code that has no text here. */
export function useProblemTitle() {
  const t = useText();
  return (code: string): string | undefined => {
    const key = `problem.${code}`;
    return isKnown(key) ? t(key) : undefined;
  };
}
