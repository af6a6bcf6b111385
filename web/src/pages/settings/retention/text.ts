import en from "../../../i18n/retention.en.json";
import { textOf } from "../../../i18n/text";
import zh from "../../../i18n/retention.zh.json";

export const useText = textOf(en, zh);
