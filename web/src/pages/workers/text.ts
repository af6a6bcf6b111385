import en from "../../i18n/workers.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/workers.zh.json";

export const useText = textOf(en, zh);
