import en from "../../i18n/building.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/building.zh.json";

export const useText = textOf(en, zh);
