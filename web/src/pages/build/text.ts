import en from "../../i18n/build.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/build.zh.json";

export const useBuildText = textOf(en, zh);
export type BuildText = ReturnType<typeof useBuildText>;
