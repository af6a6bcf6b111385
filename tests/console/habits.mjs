// What holds on every page: keyboard, addresses as state, languages, hostile texts, a server that is gone, a path prefix.
import { check, expect, expectEqual } from "./check.mjs";
import { settled } from "./browser.mjs";
import { NAME, signIn } from "./flow.mjs";

const HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\'"&${x}';

async function keyboard(page, server) {
  await check("keyboard: the first Tab is the way to the content", async () => {
    await page.goto(`${server.url}/repositories`);
    await settled(page);
    await page.keyboard.press("Tab");
    expectEqual(await page.evaluate(() => document.activeElement.textContent), "Skip to the content", "focus");
    await page.keyboard.press("Enter");
    expectEqual(await page.evaluate(() => document.activeElement.tagName), "MAIN", "focus");
  });
  await check("keyboard: ? shows the keys, Escape closes", async () => {
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await help.getByText("Go to the instances").waitFor();
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
  });
  await check("keyboard: g i goes, / searches, Enter opens", async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("i");
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    await page.keyboard.press("/");
    await page.getByRole("combobox").fill("golang-t");
    await page.getByRole("option", { name: /golang-test/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "test/golang-test", level: 1 }).waitFor();
  });
  await check("keyboard: keys do nothing while one types", async () => {
    await page.goto(`${server.url}/repositories`);
    const field = page.getByRole("searchbox").or(page.getByLabel("Search by name")).first();
    await field.focus();
    await page.keyboard.type("g i?");
    expectEqual(await field.inputValue(), "g i?", "the field");
    expect(page.url().includes("/repositories"), page.url());
  });
}

async function ahead(page, server) {
  await check("what a page needs is asked for before the first script has run, and once", async () => {
    const asked = [];
    const note = (request) => asked.push(request.url().split("/api/v1/")[1]);
    page.on("request", note);
    for (const path of ["/", "/repositories", `/repositories/${NAME}/-/build`, `/repositories/${NAME}/-/versions`]) {
      asked.length = 0;
      await page.goto(server.url + path);
      await settled(page);
      const late = await page.evaluate(() => {
        const links = [...document.querySelectorAll("link[rel=modulepreload]")];
        const title = document.querySelector("title");
        const isAhead = (link) => link.compareDocumentPosition(title) & Node.DOCUMENT_POSITION_FOLLOWING;
        const early = [...links.filter(isAhead), ...document.scripts].map((element) => element.href ?? element.src);
        const react = links.find((link) => link.href.includes("/react-")).href;
        const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
        return loaded.filter((name) => name.endsWith(".js") && name !== react && !early.includes(name));
      });
      expectEqual(late, [], `scripts of ${path} that were late`);
      expectEqual(asked.filter((name) => name === "session").length, 1, "requests for the session");
      expectEqual(asked.filter((name, i) => asked.indexOf(name) !== i && name), [], "asked for twice");
    }
    page.off("request", note);
  });
}

async function addresses(page, server) {
  await check("filters are in the address, and a reload keeps them", async () => {
    await page.goto(`${server.url}/repositories`);
    await page.getByLabel("Search by name").fill("pushed");
    await page.waitForURL("**/repositories?q=pushed");
    await page.reload();
    await page.getByRole("link", { name: "test/pushed", exact: true }).waitFor();
    expectEqual(await page.getByRole("link", { name: /^Manage / }).count(), 1, "rows");
  });
  await check("what is typed while the address changes is kept", async () => {
    await page.goto(`${server.url}/repositories`);
    await page.getByLabel("Search by name").fill("push");
    await page.waitForURL("**/repositories?q=push");
    await page.keyboard.type("ed");
    await page.waitForURL("**/repositories?q=pushed");
    expectEqual(await page.getByLabel("Search by name").inputValue(), "pushed", "the field");
  });
  await check("an address that leads nowhere says so", async () => {
    await page.goto(`${server.url}/no/such/page`);
    await page.getByRole("heading", { name: "There is no page here" }).waitFor();
    await page.goto(`${server.url}/repositories/test/nothing-near/-/info`);
    await page.getByRole("heading", { name: "There is no such repository" }).waitFor();
    await settled(page);
    expectEqual(await page.getByRole("region", { name: "Did you mean" }).count(), 0, "guesses");
  });
  await check("an address that is nearly right has the nearest repositories and pages", async () => {
    const guesses = page.getByRole("region", { name: "Did you mean" });
    for (const address of ["/repositories/tset/golang-tets/-/versions", "/golang-test", "/test/golangtest"]) {
      await page.goto(server.url + address);
      expectEqual(await guesses.getByRole("link").first().innerText(), NAME, address);
    }
    await page.goto(`${server.url}/buidls`);
    await guesses.getByRole("link", { name: "Builds", exact: true }).click();
    await page.getByRole("heading", { name: "Builds", level: 1 }).waitFor();
  });
  await check("an address that leads nowhere has the search, which lists what one types", async () => {
    await page.goto(`${server.url}/no/such/page`);
    const main = page.getByRole("main");
    await main.getByRole("combobox").waitFor();
    expectEqual(await main.getByRole("option").count(), 0, "hits before one types");
    await main.getByRole("combobox").fill("pushed");
    await main.getByRole("option", { name: "test/pushed" }).waitFor();
    await main.getByRole("combobox").press("Enter");
    await page.waitForURL("**/repositories/test/pushed/-/info");
  });
}

async function preferences(page, server) {
  await check("language and theme are kept, the theme before the first paint", async () => {
    await page.goto(`${server.url}/repositories`);
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitem", { name: "中文" }).click();
    await page.getByRole("heading", { name: "镜像仓库", level: 1 }).waitFor();
    await page.getByRole("button", { name: "主题" }).click();
    await page.getByRole("menuitem", { name: "深色" }).click();
    await page.reload({ waitUntil: "commit" });
    await page.locator("html[data-theme=dark]").waitFor();
    await page.getByRole("heading", { name: "镜像仓库", level: 1 }).waitFor();
    expectEqual(await page.evaluate(() => document.documentElement.lang), "zh-CN", "lang");
    await page.evaluate(() => localStorage.clear());
  });
}

async function hostile(page, server) {
  await check("hostile texts stay texts", async () => {
    await server.api("POST", "repositories", { namespace: "test", name: "hostile", summary: HOSTILE, description: HOSTILE });
    await server.api("PUT", "repositories/test%2Fhostile/source", { provider: "KILN" });
    await server.api("POST", "repositories/test%2Fhostile/rules", {
      pattern: "<script>alert(3)</script>",
      match: "expression",
      dockerfileName: "<b>Dockerfile",
      imageTags: ["x"],
      platforms: ["linux/amd64"],
      buildArgs: [{ name: "A", value: HOSTILE }],
    });
    for (const path of ["", "/test/hostile/-/info", "/test/hostile/-/build", "/test/hostile/-/settings"]) {
      await page.goto(`${server.url}/repositories${path}`);
      await settled(page);
      expectEqual(await page.locator("img[src=x]").count(), 0, `${path}: images`);
    }
    await page.goto(`${server.url}/repositories/test/hostile/-/info`);
    await page.getByText(HOSTILE).first().waitFor();
  });
}

async function goneServer(page, server) {
  await check("a server that is gone is told, and so is its return", async () => {
    await page.goto(`${server.url}/instances`);
    await settled(page);
    await server.stop();
    await page.getByText("The server does not answer. Trying again…").waitFor();
    await server.start();
    await page.getByText("The server does not answer. Trying again…").waitFor({ state: "detached" });
  });
}

export async function habits(browser, server) {
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await keyboard(page, server);
  await ahead(page, server);
  await addresses(page, server);
  await preferences(page, server);
  await hostile(page, server);
  await goneServer(page, server);
  await check("sign out", async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole("button", { name: "Account of admin" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to kiln" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Sign in to kiln" }).waitFor();
  });
  await check("habits: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
}

/** Comes last: who fails too often waits. */
export async function limit(browser, server) {
  const page = await browser.page();
  await check("sign-in: after too many failures one waits, and sees how long", async () => {
    await page.goto(server.url);
    const wait = page.getByText(/Too many failed logins. Wait \d+ seconds?\./);
    const button = page.getByRole("button", { name: "Sign in" });
    await page.getByLabel("User").fill("nobody");
    await page.getByLabel("Password", { exact: true }).fill("wrong-password");
    // The answer tells, not the page: what the page says of the try before is still there.
    for (let tries = 0, status = 401; tries < 50 && status === 401; tries += 1) {
      const answer = page.waitForResponse((r) => r.request().method() === "POST");
      await button.click();
      status = (await answer).status();
    }
    await wait.waitFor();
    expect(await button.isDisabled(), "one can try again at once");
  });
  await page.context().close();
}
