import en from "./common.en.json";
import { textOf } from "./text";
import zh from "./common.zh.json";

/** Texts that several pages share. */
export const useCommon = textOf(en, zh);
export type CommonText = ReturnType<typeof useCommon>;
