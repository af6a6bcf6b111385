// Writes src/antd/antd.css: the styles of the parts of Ant Design that src/ imports, and the themes' values as custom properties, so that
// no browser has to work them out. src/antd/tokens.json has the values for those parts that reckon with them.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { antdTheme } from "./theme.mjs";

const require = createRequire(import.meta.url);
const { createElement: h, Fragment } = require("react");
const { renderToString } = require("react-dom/server");
const antd = require("antd");
const { createCache, extractStyle, StyleProvider } = require("@ant-design/cssinjs");

const src = fileURLToPath(new URL("../src/", import.meta.url));
const items = [{ key: "a", label: "A" }];
const options = [{ value: "a", label: "A" }];
const { Input, Modal } = antd;

// What a part needs so that all it can show is rendered; the others need nothing. What opens over the page is rendered in place.
const RENDER = {
  App: (App) => [h(App, null, h(Over)), h(antd.notification._InternalPanelDoNotUseOrYouWillBeFired)],
  Checkbox: (Checkbox) => [h(Checkbox), h(Checkbox.Group, { options })],
  ConfigProvider: () => [],
  Dropdown: (Dropdown) => [h(Dropdown, { menu: { items } }, h("i")), h(antd.Menu, { items })],
  Form: (Form) => h(Form, null, h(Form.Item, { name: "a", label: "A", tooltip: "A", rules: [{ required: true }] }, h(Input))),
  Input: () => [h(Input), h(Input.TextArea), h(Input.Password), h(Input.Search)],
  Modal: () => [h(Modal), h(Modal._InternalPanelDoNotUseOrYouWillBeFired), h(Modal._InternalPanelDoNotUseOrYouWillBeFired, { type: "confirm" })],
  Radio: (Radio) => [h(Radio.Group, { options }), h(Radio.Button)],
  Segmented: (Segmented) => h(Segmented, { options }),
  Select: (Select) => [h(Select, { options, mode: "multiple" }), h(antd.Empty)],
  Space: (Space) => [h(Space), h(Space.Compact, null, h(antd.Button))],
  Tabs: (Tabs) => [h(Tabs, { items }), h(antd.Menu, { items })],
  Tooltip: (Tooltip) => [h(Tooltip, { title: "A" }, h("i")), h(Tooltip._InternalPanelDoNotUseOrYouWillBeFired, { title: "A" })],
  theme: () => [],
};

function Over() {
  antd.App.useApp();
  return null;
}

function imported() {
  const names = new Set();
  for (const path of readdirSync(src, { recursive: true }).filter((name) => /\.tsx?$/.test(name))) {
    const text = readFileSync(src + path, "utf8");
    for (const [, list] of text.matchAll(/import \{([^}]*)\} from "antd"/g)) {
      for (const name of list.split(",").map((word) => word.trim())) if (name && !name.startsWith("type ")) names.add(name);
    }
  }
  return [...names].sort();
}

const parts = imported().map((name) => h(Fragment, { key: name }, ...[RENDER[name]?.(antd[name]) ?? h(antd[name])].flat()));

function extract(theme, types) {
  const cache = createCache();
  renderToString(h(StyleProvider, { cache }, h(antd.ConfigProvider, { theme }, ...parts)));
  // The last rule tells a server's page which styles it holds.
  return extractStyle(cache, { plain: true, types }).replace(/\.data-ant-cssinjs-cache-path\{[^}]*\}/, "");
}

/** The custom properties of a theme: each part has names of its own, so that all can stand at the root. */
function properties(theme) {
  const rules = extract(theme, ["token", "cssVar"]).matchAll(/\{([^}]*)\}/g);
  return new Map([...rules].flatMap(([, body]) => [...body.matchAll(/(--[\w-]+):([^;]*)/g)].map(([, name, value]) => [name, value])));
}

/** What `these` has that differs from `those`. */
const different = (these, those) => new Map([...these].filter(([name, value]) => those.get(name) !== value));

const styles = extract(antdTheme(), "style");
const light = properties(antdTheme());
const dark = properties(antdTheme({ dark: true }));
const still = properties(antdTheme({ motion: false }));
const own = readdirSync(src, { recursive: true }).filter((name) => /\.(css|tsx?)$/.test(name) && !name.startsWith("antd"));
const texts = [styles, ...own.map((name) => readFileSync(src + name, "utf8")), ...light.values(), ...dark.values()].join("\n");
const used = new Set([...texts.matchAll(/var\((--ant-[\w-]+)/g)].map(([, name]) => name));
const body = (map) => [...map].flatMap(([name, value]) => (used.has(name) ? `${name}:${value};` : [])).join("");
const rules = [
  `:root{${body(light)}}`,
  `:root[data-theme="dark"]{${body(different(dark, light))}}`,
  `@media (prefers-reduced-motion:reduce){:root{${body(different(still, light))}}}`,
];
writeFileSync(`${src}antd/antd.css`, rules.join("") + styles);

const tokens = (theme) => new Map(Object.entries(antd.theme.getDesignToken(theme)));
const lightTokens = tokens(antdTheme());
const made = {
  light: lightTokens,
  dark: different(tokens(antdTheme({ dark: true })), lightTokens),
  still: different(tokens(antdTheme({ motion: false })), lightTokens),
};
writeFileSync(`${src}antd/tokens.json`, JSON.stringify(Object.fromEntries(Object.entries(made).map(([name, map]) => [name, Object.fromEntries(map)]))));
