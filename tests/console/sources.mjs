// Code sources by mouse: made, changed, tested, their refs, a delivery with its build and its replay, a repository's triggers, and their end.
import { button, lookAtPages, settled } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { PASSWORD } from "./server.mjs";

const DOCKERFILE = "FROM scratch\nCOPY Dockerfile /\n";

async function choose(page, label, option) {
  await page.getByLabel(label, { exact: true }).click();
  await page.locator(".ant-select-item-option", { hasText: option }).first().click();
}

/** What is shown once goes by its button only. */
export async function staysOpen(page, dialog) {
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 400);
  expectEqual(await dialog.getByRole("button", { name: "Close" }).count(), 1, "ways to close");
  expectEqual(await dialog.getByRole("button", { name: "Cancel" }).count(), 0, "ways to cancel");
  await dialog.getByRole("button", { name: "Close" }).waitFor();
}

/** The other end is a private repository of this server's own Git remote. */
async function make(page, server) {
  await page.goto(`${server.url}/sources`);
  await page.getByRole("button", { name: "Add a code source" }).click();
  const dialog = page.getByRole("dialog");
  await choose(page, "Namespace", "forge");
  await dialog.getByLabel("Name", { exact: true }).fill("app-code");
  await choose(page, "Provider", "Any Git URL");
  await dialog.getByLabel("Address", { exact: true }).fill(`${server.url}/git/forge/app.git`);
  await dialog.getByText("Password or token", { exact: true }).first().click();
  await dialog.getByLabel("User name", { exact: true }).fill("admin");
  await dialog.locator("input[type=password]").fill("wrong");
  await dialog.getByText("Private addresses", { exact: true }).click();
  await dialog.getByRole("button", { name: "Make it" }).click();
  const secret = dialog.getByRole("group", { name: "the webhook's secret" });
  await secret.waitFor();
  const hook = { url: (await dialog.getByRole("group", { name: "the webhook's address" }).innerText()).trim(), secret: (await secret.innerText()).trim() };
  await staysOpen(page, dialog);
  await dialog.getByRole("button", { name: "Close" }).click();
  await dialog.waitFor({ state: "hidden" });
  return hook;
}

/** A page with what a part has made; `open`: what opens over it. */
export function looks(browser, server, state, path, name, open) {
  return lookAtPages(browser, state, { [`filled-${name}`]: path }, { open });
}

async function connection(page, server, id) {
  await check("code sources: a connection that is refused says why and what to do", async () => {
    await page.getByRole("button", { name: "Test the connection" }).click();
    await page.getByText("SRC_AUTH").waitFor();
  });
  await check("code sources: a change sends only what differs, and never had the secret", async () => {
    await page.getByRole("button", { name: "Change", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Change forge/app-code" });
    expectEqual(await dialog.getByLabel("Address", { exact: true }).inputValue(), `${server.url}/git/forge/app.git`, "the address");
    expectEqual(await dialog.getByLabel("User name", { exact: true }).inputValue(), "admin", "the user");
    expectEqual(await dialog.locator("input[type=password]").inputValue(), "", "the secret");
    await dialog.locator("input[type=password]").fill(PASSWORD);
    await dialog.getByLabel("Commits to fetch").fill("0");
    const asked = page.waitForRequest((request) => request.method() === "PATCH");
    await dialog.getByRole("button", { name: "Save" }).click();
    expectEqual((await asked).postDataJSON(), { secret: PASSWORD, depth: 0 }, "the request");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("region", { name: "Details" }).getByText("The whole history").waitFor();
    expectEqual((await server.api("GET", `sources/${id}`)).credential, "password", "the credential");
  });
  await check("code sources: a change that is refused says why in its dialog", async () => {
    await page.getByRole("button", { name: "Change", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Change forge/app-code" });
    await dialog.getByLabel("Address", { exact: true }).fill("ftp://git.example/x.git");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.locator(".problem-code").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
  });
  await check("code sources: a connection that works, its branches and tags, and what is built from it", async () => {
    await page.getByRole("button", { name: "Test the connection" }).click();
    await page.getByText("It answers, with 2 branches and tags").waitFor();
    await page.getByRole("button", { name: "Look now" }).click();
    await page.locator(".ant-alert-title", { hasText: "Looked; 0 builds started" }).waitFor();
    const refs = page.getByRole("table", { name: "Branches and tags" });
    await refs.getByRole("cell", { name: "Branch next" }).waitFor();
    await page.getByLabel("Find a branch or tag").fill("mai");
    await refs.getByRole("cell", { name: "Branch next" }).waitFor({ state: "detached" });
    await refs.getByRole("cell", { name: "Branch main" }).waitFor();
    await page.getByLabel("Find a branch or tag").fill("");
    await page.getByRole("table", { name: "Image repositories" }).getByRole("link", { name: "forge/image" }).waitFor();
  });
}

async function deliveries(page, server, hook) {
  const send = (authorization, commit) =>
    fetch(hook.url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(authorization ? { Authorization: authorization } : {}) },
      body: JSON.stringify({ ref: "refs/heads/main", commit, pusher: "<b>mina</b>" }),
    });
  await check("code sources: deliveries are listed and taken up again", async () => {
    expectEqual((await send(`Bearer ${hook.secret}`, "a1".repeat(20))).status, 202, "the signed delivery");
    expectEqual((await send("Bearer guessed", "a1".repeat(20))).status, 401, "the other");
    await page.getByText("It is not signed with the secret.").waitFor();
    await page.getByText("1 ref, by <b>mina</b>").waitFor();
    await page.locator("tr", { hasText: "Accepted" }).getByRole("button", { name: "Replay" }).click();
    await waitFor("the replay is announced", async () => (await page.getByText("The delivery is taken up again").count()) > 0);
    expect(await page.locator("tr", { hasText: "Refused" }).getByRole("button", { name: "Replay" }).isDisabled(), "a refused one is replayed");
  });
  await check("code sources: a delivery leads to its build", async () => {
    await server.push("forge/app", { Dockerfile: `${DOCKERFILE}LABEL n=2\n` }, "main");
    const { items } = await server.api("GET", "repositories/forge%2Fapp/source").then(({ sourceId }) => server.api("GET", `sources/${sourceId}/refs`));
    expectEqual((await send(`Bearer ${hook.secret}`, items.find((ref) => ref.ref === "refs/heads/main").commit)).status, 202, "the delivery");
    const build = page.getByRole("table", { name: "Deliveries" }).getByRole("link", { name: /forge\/image/ });
    await build.waitFor();
    await build.click();
    await page.waitForURL("**/repositories/forge/image/-/builds/*");
    await page.goBack();
  });
  await check("code sources: a new secret is shown once, and the question names the source", async () => {
    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("dialog", { name: "Make a new secret for forge/app-code?" }).getByRole("button", { name: "New secret" }).click();
    const secret = (await page.getByRole("group", { name: "the webhook's secret" }).innerText()).trim();
    expect(secret && secret !== hook.secret, "it is the old one");
  });
}

const TRIGGERS = "/repositories/forge/image/-/triggers";

/** By the secret of now, of a branch that no rule is for. */
async function deliverNext(page, server, hook) {
  await button(page, "New secret").click();
  await button(page.getByRole("dialog", { name: "Make a new secret for forge/app-code?" }), "New secret").click();
  const secret = (await page.getByRole("group", { name: "the webhook's secret" }).innerText()).trim();
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${secret}` };
  const body = JSON.stringify({ ref: "refs/heads/next", commit: "b2".repeat(20), pusher: "mina" });
  expectEqual((await fetch(hook.url, { method: "POST", headers, body })).status, 202, "the delivery");
}

async function triggers(browser, page, server, hook, id) {
  const deliveries = page.getByRole("table", { name: "Deliveries" });
  await check("triggers: the navigation of a repository leads to where its builds come from", async () => {
    await page.goto(`${server.url}/repositories/forge/image/-/info`);
    await page.getByRole("navigation", { name: "Repository forge/image" }).getByRole("link", { name: "Triggers" }).click();
    await page.getByRole("heading", { name: "Triggers", level: 1 }).waitFor();
    await page.getByRole("region", { name: "Code source" }).getByRole("link", { name: "forge/app-code" }).waitFor();
    const state = page.getByRole("region", { name: "Webhook" });
    await state.getByText("Accepted").waitFor();
    await state.getByText("It is not signed with the secret.").waitFor();
    await state.getByRole("group", { name: "the webhook's address" }).getByText(hook.url).waitFor();
  });
  await check("triggers: a new secret signs the next delivery, and each ref has the rule that matches it", async () => {
    await deliverNext(page, server, hook);
    await deliveries.locator("tr", { hasText: "next" }).getByText("No rule matches").waitFor();
    await deliveries.locator("tr", { hasText: "main" }).getByRole("link", { name: "main", exact: true }).first().waitFor();
    const rules = await server.api("GET", "repositories/forge%2Fimage/rules");
    const href = await deliveries.getByRole("link", { name: "main", exact: true }).first().getAttribute("href");
    expect(href.endsWith(`/build/rules/${rules.items[0].id}/edit`), href);
  });
  await check("triggers: only the deliveries that made builds here, with a way to them and to do it again", async () => {
    await page.getByLabel("Only those that made builds of this repository").check();
    await waitFor("one is left", async () => (await deliveries.locator("tbody tr").count()) === 1);
    expectEqual(new URL(page.url()).searchParams.get("only"), "1", "in the address");
    await deliveries.getByRole("button", { name: /^Replay delivery/ }).click();
    await waitFor("the replay is announced", async () => (await page.getByText("The delivery is taken up again").count()) > 0);
    await deliveries.getByRole("link", { name: /Succeeded|Building|Waiting/ }).click();
    await page.waitForURL("**/repositories/forge/image/-/builds/*");
    await page.goBack();
  });
  await check("triggers: looking now tells what it found", async () => {
    const looks = page.getByRole("region", { name: "Looks at the code source" });
    await button(looks, "Look now").click();
    await looks.locator(".ant-alert-title", { hasText: "Looked; 0 builds started" }).waitFor();
    await looks.getByText("Reached", { exact: true }).waitFor();
    await looks.getByText("300 seconds").waitFor();
  });
  await besides(browser, page, server, id);
}

async function besides(browser, page, server, id) {
  await check("triggers: builds of other repositories are a number, and a build that is off is told", async () => {
    await server.api("POST", "repositories", { namespace: "forge", name: "beside", type: "PRIVATE" });
    await server.api("PUT", "repositories/forge%2Fbeside/source", { sourceId: id, autoBuild: false });
    await page.goto(`${server.url}/repositories/forge/beside/-/triggers`);
    await page.getByText("No change of code starts a build: that is switched off").waitFor();
    await page.getByRole("table", { name: "Deliveries" }).getByText("1 of another repository").waitFor();
    await page.getByLabel("Only those that made builds of this repository").check();
    await page.getByText("No delivery made a build of this repository yet").waitFor();
  });
  await check("triggers: who has a role in the repository alone is told why there is no more", async () => {
    await server.api("POST", "users", { name: "forge-beside", password: "forge-password" });
    await server.api("PUT", "namespaces/forge/members/forge-beside", { role: "maintain", repository: "beside" });
    const other = await browser.page();
    await signIn(other, server.url, "/repositories/forge/beside/-/triggers", "forge-beside", "forge-password");
    await other.getByText("You may not see this code source").waitFor();
    expectEqual(await other.getByRole("table", { name: "Deliveries" }).count(), 0, "lists of deliveries");
    expectEqual(other.faults, [], "faults");
    await other.context().close();
    await server.api("DELETE", "repositories/forge%2Fbeside/source");
  });
  await check("triggers: without a code source the page says what is missing", async () => {
    await page.goto(`${server.url}/repositories/forge/beside/-/triggers`);
    await page.getByText("This repository has no code source").waitFor();
    const nav = page.getByRole("navigation", { name: "Repository forge/beside" });
    await nav.getByRole("link", { name: "Triggers" }).waitFor();
    await server.api("DELETE", "repositories/forge%2Fbeside");
  });
  await check("triggers: kiln's own remote needs no webhook", async () => {
    await page.goto(`${server.url}/repositories/forge/app/-/triggers`);
    await page.getByText("no webhook is needed").waitFor();
    expectEqual(await page.getByRole("region", { name: "Deliveries" }).count(), 0, "sections of deliveries");
  });
}

async function roles(browser, server, id) {
  const offers = ["Change", "Test the connection", "Look now", "New secret", "Replay", "Delete the code source"];
  const wanted = { view: [], develop: ["Look now", "Replay"], maintain: offers };
  for (const [role, names] of Object.entries(wanted)) {
    await check(`code sources: what is offered to the role ${role}`, async () => {
      await server.api("POST", "users", { name: `forge-${role}`, password: "forge-password" });
      await server.api("PUT", `namespaces/forge/members/forge-${role}`, { role });
      const page = await browser.page();
      await signIn(page, server.url, `/sources/${id}`, `forge-${role}`, "forge-password");
      await page.getByRole("table", { name: "Deliveries" }).waitFor();
      await settled(page);
      const found = [];
      for (const name of offers) if ((await page.getByRole("button", { name, exact: name !== "Replay" }).count()) > 0) found.push(name);
      expectEqual(found, names, "what is offered");
      await page.goto(server.url + TRIGGERS);
      await settled(page);
      const nav = page.getByRole("navigation", { name: "Repository forge/image" });
      expectEqual(await nav.getByRole("link", { name: "Triggers" }).count(), role === "maintain" ? 1 : 0, "links to Triggers");
      expectEqual(await page.getByText("This needs the role Maintain in forge/image").count(), role === "maintain" ? 0 : 1, "refusals of Triggers");
      await page.goto(`${server.url}/sources`);
      await settled(page);
      expectEqual(await page.getByRole("button", { name: "Add a code source" }).count(), role === "maintain" ? 1 : 0, "ways to make one");
      expectEqual(page.faults, [], "faults");
      await page.context().close();
    });
  }
}

async function end(page, server, id) {
  await check("code sources: one that is in use is not deleted, and the dialog says why", async () => {
    await page.goto(`${server.url}/sources`);
    await page.getByRole("link", { name: "forge/app-code" }).click();
    await page.getByRole("button", { name: "Delete the code source" }).click();
    const dialog = page.getByRole("dialog", { name: "Delete forge/app-code?" });
    await dialog.getByRole("button", { name: "Delete the code source" }).click();
    await dialog.locator(".problem-code").waitFor();
    await dialog.getByText("What to do").waitFor();
    await server.api("DELETE", "repositories/forge%2Fimage/source");
    await dialog.getByRole("button", { name: "Delete the code source" }).click();
    await page.waitForURL("**/sources");
  });
  await check("code sources: one that is deleted is in no list", async () => {
    await page.getByRole("heading", { name: "Code Sources", level: 1 }).waitFor();
    await page.getByRole("link", { name: "forge/app", exact: true }).waitFor();
    expectEqual(await page.getByRole("link", { name: "forge/app-code" }).count(), 0, "links to it");
    expectEqual((await server.api("GET", "sources")).items.filter((source) => source.id === id), [], "on the server");
  });
}

/** forge/app has the code; forge/image is built from it as from a server elsewhere. */
async function prepare(server) {
  await server.api("POST", "namespaces", { name: "forge" });
  await server.api("POST", "repositories", { namespace: "forge", name: "app", type: "PRIVATE" });
  await server.api("PUT", "repositories/forge%2Fapp/source", { provider: "KILN" });
  await server.api("POST", "repositories", { namespace: "forge", name: "image", type: "PRIVATE" });
  await server.push("forge/app", { Dockerfile: DOCKERFILE }, "main", "next");
}

export async function sources(browser, server) {
  await prepare(server);
  const page = await browser.page();
  await signIn(page, server.url, "/sources");
  await page.getByRole("heading", { name: "Code Sources", level: 1 }).waitFor();
  let hook, id;
  await step("code sources: one is made, its secret shown once and not lost by Escape or a click beside it", async () => {
    hook = await make(page, server);
    await page.getByRole("link", { name: "forge/app-code" }).click();
    await page.getByRole("heading", { name: "forge/app-code", level: 1 }).waitFor();
    id = page.url().split("/").at(-1);
    expect(!(await page.content()).includes(hook.secret), "the secret is still on the page");
    await server.api("PUT", "repositories/forge%2Fimage/source", { sourceId: id });
    await server.api("POST", "repositories/forge%2Fimage/rules", { refType: "GIT_BRANCH", pattern: "main", imageTags: [{ version: "main" }] });
    await page.reload();
  });
  await connection(page, server, id);
  await deliveries(page, server, hook);
  await triggers(browser, page, server, hook, id);
  const state = await page.context().storageState();
  await looks(browser, server, state, TRIGGERS, "triggers");
  await looks(browser, server, state, `/sources/${id}`, "source");
  await looks(browser, server, state, "/sources", "sources");
  await looks(browser, server, state, `/sources/${id}`, "source-change", async (page) => {
    await page.locator(".section .page-actions button").first().click();
    await page.getByRole("dialog").waitFor();
  });
  await roles(browser, server, id);
  await end(page, server, id);
  await check("code sources: no error", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
}
