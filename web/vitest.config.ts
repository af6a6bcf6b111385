import { defineConfig } from "vitest/config";

// css: the test of the log's colours reads log.css.
export default defineConfig({ test: { include: ["src/**/*.test.ts"], css: true } });
