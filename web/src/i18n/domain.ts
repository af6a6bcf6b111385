import en from "./domain.en.json";
import { textOf } from "./text";
import zh from "./domain.zh.json";

export const useDomain = textOf(en, zh);
