import en from "../../i18n/compare.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/compare.zh.json";

export const useText = textOf(en, zh);
