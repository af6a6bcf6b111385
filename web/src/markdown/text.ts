import en from "../i18n/markdown.en.json";
import { textOf } from "../i18n/text";
import zh from "../i18n/markdown.zh.json";

export const useText = textOf(en, zh);
