import en from "../../i18n/sources.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/sources.zh.json";

export const useText = textOf(en, zh);
