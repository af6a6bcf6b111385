import en from "../i18n/shell.en.json";
import { textOf } from "../i18n/text";
import zh from "../i18n/shell.zh.json";

export const useShell = textOf(en, zh);
