import en from "../../i18n/account.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/account.zh.json";

export const useText = textOf(en, zh);
