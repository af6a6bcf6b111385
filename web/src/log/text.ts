import en from "../i18n/log.en.json";
import { textOf } from "../i18n/text";
import zh from "../i18n/log.zh.json";

export const useLogText = textOf(en, zh);
