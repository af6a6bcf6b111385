// Chromium with nobody looking on. Playwright inspects each page: V8 then parses scripts again for the places of the errors that
// React makes when it starts, and a script of Playwright's own runs while the page loads; what a user waits for has neither.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_AFTER_MS = 2000;
const LIMIT_MS = 60_000;

export class BareBrowser {
  constructor(program) {
    this.data = mkdtempSync(join(tmpdir(), "kiln-bench-"));
    const args = ["--headless", "--no-sandbox", "--no-first-run", "--remote-debugging-pipe", `--user-data-dir=${this.data}`];
    this.child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.id = 0;
    this.waiting = new Map();
    this.rest = "";
    this.child.stdio[4].setEncoding("utf8").on("data", (text) => this.read(text));
  }

  /** Messages of the DevTools protocol, each ended by a zero byte. */
  read(text) {
    const messages = (this.rest + text).split("\0");
    this.rest = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      const [resolve, reject] = this.waiting.get(id) ?? [];
      this.waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    this.id += 1;
    this.child.stdio[3].write(`${JSON.stringify({ id: this.id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(this.id, [resolve, reject]));
  }

  /** Opens `url` in a profile of its own, with these cookies and the processor so many times slower; what `watch` leaves in window.kilnWatched. */
  async load(url, cookies, slower, watch) {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    await this.send("Storage.setCookies", { cookies: cookies.map(({ name, value }) => ({ name, value, url, path: "/" })), browserContextId });
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId, width: 1280, height: 850 });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = (method, params) => this.send(method, params, sessionId);
    await page("Page.enable");
    await page("Page.addScriptToEvaluateOnNewDocument", { source: `(${watch})()` });
    await page("Emulation.setCPUThrottlingRate", { rate: slower });
    await page("Page.navigate", { url });
    const end = Date.now() + LIMIT_MS;
    let value;
    for (await sleep(LOOK_AFTER_MS); !value; await sleep(250)) {
      if (Date.now() > end) throw new Error(`${url} does not show its content`);
      value = (await page("Runtime.evaluate", { expression: "window.kilnWatched", returnByValue: true })).result.value;
    }
    await this.send("Target.disposeBrowserContext", { browserContextId });
    return value;
  }

  async close() {
    this.child.kill("SIGTERM");
    await this.ended;
    rmSync(this.data, { recursive: true, force: true });
  }
}
