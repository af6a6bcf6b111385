import en from "../../i18n/version.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/version.zh.json";

export const useText = textOf(en, zh);
