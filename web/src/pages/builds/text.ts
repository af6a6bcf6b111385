import en from "../../i18n/builds.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/builds.zh.json";

export const useText = textOf(en, zh);
