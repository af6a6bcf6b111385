import en from "../../i18n/create.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/create.zh.json";

export const useText = textOf(en, zh);
