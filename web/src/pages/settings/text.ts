import en from "../../i18n/settings.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/settings.zh.json";

export const useText = textOf(en, zh);
