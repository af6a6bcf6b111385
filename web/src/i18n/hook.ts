import en from "./hook.en.json";
import { textOf } from "./text";
import zh from "./hook.zh.json";

export const useHookText = textOf(en, zh);
