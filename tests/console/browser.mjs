// Chromium, with an eye on what no page may do: errors, violations of the policy, requests to other hosts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { check, expectEqual, LIMIT_MS } from "./check.mjs";

const ROOT = join(dirname(new URL(import.meta.url).pathname), "../..");

/** What web/package-lock.json names for tests: as the build installed it, or installed now. */
function modules(kiln) {
  for (const web of [join(dirname(kiln), "src/console/web"), join(ROOT, "web")]) {
    if (existsSync(join(web, "node_modules/playwright-core"))) return createRequire(join(web, "package.json"));
  }
  const done = spawnSync("npm", ["ci", "--no-progress"], { cwd: join(ROOT, "web"), stdio: "inherit" });
  if (done.status !== 0) throw new Error("npm ci in web/ failed");
  return createRequire(join(ROOT, "web/package.json"));
}

export class Browser {
  async open(kiln, url) {
    const require = modules(kiln);
    this.url = url;
    this.axePath = require.resolve("axe-core/axe.min.js");
    this.shots = join(dirname(kiln), "console");
    mkdirSync(this.shots, { recursive: true });
    this.executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"].find(existsSync);
    // The server is ours and so are its pages: no sandbox, which root cannot have.
    this.program = await require("playwright-core").chromium.launch({ executablePath: this.executablePath, args: ["--no-sandbox"] });
    return this;
  }

  /** A page of a fresh profile; `page.faults` fills with what must not be, `page.notLoaded` with requests that failed. */
  async page({ width = 1280, height = 850, theme = "light", language = "en", state, url = this.url } = {}) {
    const context = await this.program.newContext({
      viewport: { width, height },
      colorScheme: theme,
      locale: language === "zh" ? "zh-CN" : "en-US",
      permissions: ["clipboard-read", "clipboard-write"],
      reducedMotion: "reduce",
      storageState: state,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    page.faults = [];
    page.notLoaded = [];
    page.on("pageerror", (error) => page.faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      page.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      // Chromium itself tells of an answer 401 or 404, and of a server that is gone; those are wanted on some pages.
      const list = message.text().startsWith("Failed to load resource") ? page.notLoaded : page.faults;
      list.push(`${message.text()} ${message.location().url}`);
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== url) page.faults.push(`a request to ${request.url()}`);
    });
    return page;
  }

  async close() {
    await this.program.close();
  }
}

export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Everything is there: no skeleton, no request under way. */
export async function settled(page) {
  await page.waitForLoadState("networkidle");
  await page.locator("h1").first().waitFor();
  await page.locator(".ant-skeleton").first().waitFor({ state: "detached" });
}

const AT_ONCE = 2;
/** Both languages in both themes, each once wide and once narrow: theme and language do not depend on the width. */
export const LOOKS = [["light", "en", 1280], ["dark", "zh", 1280], ["dark", "en", 320], ["light", "zh", 320]];
export const WIDEST = ["light", "en", 3840];

/** `act` for each [theme, language, width], some of them at once. */
export async function eachLook(looks, act) {
  const all = looks.map(([theme, language, width]) => ({ theme, language, width }));
  const lane = async () => {
    for (let one = all.shift(); one; one = all.shift()) await act(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** A text of one who tries what browsers run. */
export const HOSTILE = '<img src=x onerror="alert(1)">';

export const button = (place, name) => place.getByRole("button", { name, exact: true });

/** `place` says why not, and what to do. */
export async function refused(place, code, remedy) {
  await place.getByText(code, { exact: true }).waitFor();
  if (remedy) await place.getByText(remedy).first().waitFor();
  expectEqual(await place.page().locator("img[src=x]").count(), 0, "images");
}

/** The parts of Ant Design on the page that our style sheet says nothing of: scripts/antd-css.mjs has not rendered them. */
async function unstyled(browser, page) {
  const sheet = await page.locator('link[rel="stylesheet"]').evaluate((link) => link.href);
  browser.css ??= await (await fetch(sheet)).text();
  const parts = await page.evaluate(() => {
    const classes = [...document.querySelectorAll('[class*="ant-"]')].flatMap((element) => [...element.classList]);
    return [...new Set(classes.map((name) => /^ant-[a-z]+/.exec(name)?.[0]).filter(Boolean))];
  });
  return parts.filter((name) => !browser.css.includes(`.${name}`));
}

/** Whatever page it is: a screenshot, nothing wider than the screen, axe-core, no fault, no part without a style. */
export async function look(browser, page, name) {
  await settled(page);
  await page.screenshot({ path: join(browser.shots, `${name}.png`), fullPage: true });
  const { width } = page.viewportSize();
  expectEqual(await page.evaluate(() => document.documentElement.scrollWidth), width, "the page's width");
  expectEqual(await axe(page, browser.axePath), [], "axe-core");
  expectEqual(page.faults, [], "faults");
  expectEqual(await unstyled(browser, page), [], "parts without a style");
}

/** `look` at each of `pages`, a name and a path; `prepare` has the new page first, `open` each that has settled. */
export function lookAtPages(browser, state, pages, { looks = LOOKS, prepare = () => {}, open } = {}) {
  return eachLook(looks, async ({ theme, language, width }) => {
    const page = await browser.page({ width, theme, language, state });
    await prepare(page);
    for (const [name, path] of Object.entries(pages)) {
      const full = `${name}-${width}-${theme}-${language}`;
      await check(`page ${full}`, async () => {
        await page.goto(browser.url + path);
        if (open) await settled(page).then(() => open(page));
        await look(browser, page, full);
      });
    }
    await page.context().close();
  });
}

export async function axe(page, path) {
  await page.evaluate((await import("node:fs")).readFileSync(path, "utf8"));
  return page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: tags });
    return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")}`);
  });
}
