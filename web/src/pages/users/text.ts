import en from "../../i18n/users.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/users.zh.json";

export const useText = textOf(en, zh);
