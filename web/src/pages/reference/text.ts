import en from "../../i18n/reference.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/reference.zh.json";

export const useText = textOf(en, zh);
