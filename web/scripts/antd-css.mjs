// Writes src/antd.css: the styles of the parts of Ant Design that src/ imports, so that no browser has to work them out.
// The theme's values are custom properties, which Ant Design sets when the page runs; the styles are the same for all themes.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

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

const cache = createCache();
const parts = imported().map((name) => h(Fragment, { key: name }, ...[RENDER[name]?.(antd[name]) ?? h(antd[name])].flat()));
// As src/theme.ts has it: no class with a hash.
const theme = { hashed: false, cssVar: { key: "kiln" } };
renderToString(h(StyleProvider, { cache }, h(antd.ConfigProvider, { theme }, ...parts)));
const css = extractStyle(cache, { plain: true, types: "style" });
// The last rule tells a server's page which styles it holds.
writeFileSync(`${src}antd.css`, css.replace(/\.data-ant-cssinjs-cache-path\{[^}]*\}/, ""));
