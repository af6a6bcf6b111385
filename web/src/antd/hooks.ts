// In place of Ant Design's own antd/es/theme/util/genStyleUtils (scripts/antd-static.ts puts it there): the styles are in antd.css, so that
// no part makes any. The first is the class of its styles, the second that of its custom properties; ours have none.
const NONE = ["", ""] as const;

export const genStyleHooks = () => () => NONE;
export const genComponentStyleHook = () => () => "";
export const genSubStyleComponent = () => () => null;

/** Names of a part's custom properties, and references to them. */
export function genCssVar(prefix: string, part: string) {
  const name = (of: string) => `--${prefix.replaceAll(".", "")}-${part}-${of}`;
  return [name, (of: string, fallback?: string) => `var(${name(of)}${fallback ? `, ${fallback}` : ""})`];
}
