import en from "../../i18n/image.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/image.zh.json";

export const useText = textOf(en, zh);
