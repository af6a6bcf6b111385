import en from "../../i18n/rule.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/rule.zh.json";

export const useText = textOf(en, zh);
