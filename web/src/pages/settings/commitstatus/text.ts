import en from "../../../i18n/commitstatus.en.json";
import { textOf } from "../../../i18n/text";
import zh from "../../../i18n/commitstatus.zh.json";

export const useText = textOf(en, zh);
