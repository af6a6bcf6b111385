// Ant Design without what makes styles in the browser: antd-css.mjs has made them, and the theme's values are known. src/antd/ has what
// stands in for it.
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const STAND_INS: Record<string, string> = {
  "/antd/es/theme/util/genStyleUtils.js": "hooks.ts",
  "/antd/es/theme/useToken.js": "token.ts",
  "/antd/es/theme/util/useResetIconStyle.js": "icon.ts",
};
const MAKERS = new Set(["genStyleHooks", "genComponentStyleHook", "genSubStyleComponent"]);

// What Ant Design is made of that is no ES module; the dev server has to be told, as it cannot bundle Ant Design itself.
const PLUGINS = ["advancedFormat", "customParseFormat", "localeData", "weekOfYear", "weekYear", "weekday"];
const PARTS = ["@rc-component/util > is-mobile", "@rc-component/util > react-is", "@ant-design/react-slick > json2mq", "dayjs"];
const COMMONJS = [...PARTS, ...PLUGINS.map((name) => `dayjs/plugin/${name}`)].map((name) => `antd > ${name}`);

interface Node {
  type: string;
  start: number;
  end: number;
  name?: string;
  callee?: Node;
}

/** The calls of makers below a node of a syntax tree. */
function makers(node: unknown): Node[] {
  if (Array.isArray(node)) return node.flatMap(makers);
  if (!node || typeof node !== "object") return [];
  const { type, callee } = node as Node;
  const name = type === "CallExpression" && callee?.type === "Identifier" ? callee.name : undefined;
  return name && MAKERS.has(name) ? [node as Node] : Object.values(node).flatMap(makers);
}

export function antdStatic(): Plugin {
  const used = new Set<string>();
  return {
    name: "antd-static",
    enforce: "pre",
    // The dev server would bundle Ant Design without us.
    config: () => ({ optimizeDeps: { exclude: ["antd"], include: COMMONJS } }),
    async resolveId(source, importer) {
      if (!importer?.includes("/antd/es/")) return null;
      const found = await this.resolve(source, importer, { skipSelf: true });
      const end = Object.keys(STAND_INS).find((name) => found?.id.split("?")[0]?.endsWith(name));
      if (!end) return found;
      used.add(end);
      return fileURLToPath(new URL(`../src/antd/${STAND_INS[end]}`, import.meta.url));
    },
    // The functions that would make styles are given to those that we stand in for: without that the bundler leaves them out.
    transform(code, id) {
      if (!/\/antd\/es\/.*\/style\//.test(id)) return null;
      let text = code;
      for (const { callee, start, end } of makers(this.parse(code)).reverse()) {
        text = `${text.slice(0, start)}/*#__PURE__*/ ${callee?.name}()${text.slice(end)}`;
      }
      return { code: text, map: null };
    },
    generateBundle() {
      const missing = Object.keys(STAND_INS).filter((name) => !used.has(name));
      if (missing.length > 0) this.error(`Ant Design no longer has ${missing.join(", ")}: see scripts/antd-static.ts`);
    },
  };
}
