import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin, type Rollup } from "vite";
import { antdStatic } from "./scripts/antd-static";
import { pagePatterns } from "./src/pages/addresses";

// What the page of each folder is made of beyond the first script.
function scriptsOf(bundle: Rollup.OutputBundle): Record<string, string[]> {
  const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const all = (name: string, seen: Set<string>): Set<string> => {
    if (seen.has(name)) return seen;
    seen.add(name);
    for (const next of byName.get(name)?.imports ?? []) all(next, seen);
    return seen;
  };
  const first = chunks.filter((chunk) => chunk.isEntry).reduce((seen, chunk) => all(chunk.fileName, seen), new Set<string>());
  return Object.fromEntries(
    chunks.flatMap((chunk) => {
      const folder = /\/src\/pages\/([\w-]+)\/index\.tsx$/.exec(chunk.facadeModuleId ?? "")?.[1];
      return folder ? [[folder, [...all(chunk.fileName, new Set())].filter((name) => !first.has(name))]] : [];
    }),
  );
}

/** For boot.js: patterns of paths, each with the indices of its scripts. */
function preloads(bundle: Rollup.OutputBundle): string {
  const scripts = scriptsOf(bundle);
  const names = [...new Set(Object.values(scripts).flat())];
  const pages = pagePatterns().map(([pattern, folder]) => {
    const needed = scripts[folder];
    if (!needed) throw new Error(`src/pages/addresses.ts: no page in src/pages/${folder}`);
    return [pattern.source, needed.map((name) => names.indexOf(name))];
  });
  return JSON.stringify([names, pages]);
}

// A classic script that blocks the first paint: Vite bundles modules only, so it is put into the page here; above the style sheet,
// as scripts below wait for that.
function bootScript(): Plugin {
  const source = readFileSync(new URL("./src/boot.js", import.meta.url), "utf8");
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 8);
  const name = `assets/boot-${hash}.js`;
  return {
    name: "boot-script",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: name, source });
    },
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle }) {
        const attributes = bundle ? `src="./${name}" data-pages="${preloads(bundle).replaceAll('"', "&quot;")}"` : 'src="/src/boot.js"';
        return html.replace("<title>", () => `<script ${attributes}></script>\n    <title>`);
      },
    },
  };
}

// The server fills these in; the dev server does so itself.
function placeholders(): Plugin {
  return {
    name: "placeholders",
    apply: "serve",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => html.replace("__KILN_BASE__", "/").replace("__KILN_NONCE__", ""),
    },
  };
}

const server = process.env.KILN_SERVER ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  plugins: [antdStatic(), react(), bootScript(), placeholders()],
  server: { proxy: { "/api": server, "/v2": server } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    manifest: true,
    chunkSizeWarningLimit: 2000,
    rollupOptions: {
      output: {
        // React alone: it makes errors when it starts, and a browser that is watched (developer tools, tests) parses the whole script a
        // second time for the line of each.
        manualChunks: (id) => (/\/node_modules\/(react|react-dom|scheduler)\//.test(id) ? "react" : undefined),
      },
    },
  },
});
