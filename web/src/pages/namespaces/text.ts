import en from "../../i18n/namespaces.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/namespaces.zh.json";

export const useText = textOf(en, zh);
