import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// A classic script that blocks the first paint: Vite bundles modules only, so it is put into the page here.
function bootScript(): Plugin {
  const source = readFileSync(new URL("./src/boot.js", import.meta.url), "utf8");
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 8);
  const name = `assets/boot-${hash}.js`;
  let dev = false;
  return {
    name: "boot-script",
    configResolved(config) {
      dev = config.command === "serve";
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName: name, source });
    },
    transformIndexHtml() {
      return [{ tag: "script", attrs: { src: dev ? "/src/boot.js" : `./${name}` }, injectTo: "head" }];
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
  plugins: [react(), bootScript(), placeholders()],
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
