import en from "../../i18n/triggers.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/triggers.zh.json";

export const useText = textOf(en, zh);
