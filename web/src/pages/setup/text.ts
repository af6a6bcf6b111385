import en from "../../i18n/setup.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/setup.zh.json";

export const useText = textOf(en, zh);
