import en from "../../i18n/audit.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/audit.zh.json";

export const useText = textOf(en, zh);
