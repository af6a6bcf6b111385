import en from "../../i18n/insights.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/insights.zh.json";

export const useText = textOf(en, zh);
