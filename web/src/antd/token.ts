// In place of Ant Design's own antd/es/theme/useToken (scripts/antd-static.ts puts it there): the theme's values, which antd-css.mjs has
// worked out.
import { useDark, useMotion } from "../prefs";
import tokens from "./tokens.json";

function made(dark: boolean, motion: boolean) {
  const token = { ...tokens.light, ...(dark ? tokens.dark : {}), ...(motion ? {} : tokens.still) };
  return [null, token, "", token, { prefix: "ant", key: "" }, true];
}

const cache = new Map<string, ReturnType<typeof made>>();

export default function useToken() {
  const dark = useDark();
  const motion = useMotion();
  const key = `${dark} ${motion}`;
  const found = cache.get(key) ?? made(dark, motion);
  cache.set(key, found);
  return found;
}

/** Only what works out values asks for these. */
export const unitless = {};
export const ignore = {};
export const getComputedToken = (token: object) => token;
