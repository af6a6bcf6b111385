// Every page in both themes and languages, narrow and wide: axe-core, nothing wider than the screen, no error, a screenshot.
import { check, expectEqual } from "./check.mjs";
import { eachLook, look, lookAtPages, LOOKS, settled, WIDEST } from "./browser.mjs";
import { AT, DESCRIPTION, signIn } from "./flow.mjs";

const PAGES = {
  home: "/",
  instances: "/instances",
  repositories: "/repositories",
  "repositories-empty": "/repositories?q=nothing-has-this-name",
  create: "/repositories/new",
  "create-source": "/repositories/new?step=2",
  "create-preview": "/repositories/new?description=preview",
  details: `${AT}/info`,
  build: `${AT}/build`,
  "rule-1": `${AT}/build/rules/new`,
  "rule-2": `${AT}/build/rules/new?step=2`,
  "rule-3": `${AT}/build/rules/new?step=3`,
  versions: `${AT}/versions?tag=main`,
  triggers: `${AT}/triggers`,
  settings: `${AT}/settings`,
  "settings-preview": `${AT}/settings?description=preview`,
  namespaces: "/namespaces",
  compare: `${AT}/compare/main...main`,
  builds: "/builds",
  queue: "/builds?view=queue",
  sources: "/sources",
  users: "/users",
  workers: "/workers",
  audit: "/audit?actor=admin",
  "instance-settings": "/settings",
  "setup-workers": "/setup?step=4",
  account: "/account",
  reference: "/docs/api",
  "not-found": "/nowhere",
  "not-found-near": "/repositories/tset/golang-tset/-/info",
};
// What the second step of the wizard finds from the first.
const DRAFT = { namespace: "test", name: "next", description: DESCRIPTION, provider: "GITHUB", credential: "password" };

/** What opens over a page: search, keys, the navigation of narrow screens. */
async function overlays(browser, server, state, theme) {
  const page = await browser.page({ theme, state });
  for (const key of ["/", "?"]) {
    await check(`overlay ${key} ${theme}`, async () => {
      await page.goto(`${server.url}/repositories`);
      await settled(page);
      await page.keyboard.press(key);
      await page.getByRole("dialog").waitFor();
      await look(browser, page, `overlay-${key === "/" ? "search" : "keys"}-${theme}`);
    });
  }
  await check(`overlay navigation ${theme}`, async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(`${server.url}/repositories`);
    await page.getByRole("button", { name: "Open navigation" }).click();
    await page.getByRole("dialog").waitFor();
    await look(browser, page, `overlay-navigation-${theme}`);
  });
  await page.context().close();
}

export async function pages(browser, server) {
  const first = await browser.page();
  await signIn(first, server.url);
  await first.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await first.context().storageState();
  await first.context().close();
  await Promise.all(["light", "dark"].map((theme) => overlays(browser, server, state, theme)));
  await eachLook(LOOKS, async ({ theme, language, width }) => {
    const page = await browser.page({ theme, language, width });
    await check(`page sign-in-${width}-${theme}-${language}`, async () => {
      await page.goto(server.url);
      await look(browser, page, `sign-in-${width}-${theme}-${language}`);
      expectEqual(page.notLoaded, [], "requests that failed");
    });
    await page.context().close();
  });
  const draft = JSON.stringify(DRAFT);
  const prepare = (page) => page.addInitScript((text) => sessionStorage.setItem("kiln.create", text), draft);
  await lookAtPages(browser, state, PAGES, { looks: [...LOOKS, WIDEST], prepare });
}
