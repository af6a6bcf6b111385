// Namespaces and their members, for access.mjs.
import { button, HOSTILE, refused, settled } from "./browser.mjs";
import { check, expectEqual, step } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { looks } from "./sources.mjs";

const APP = "repositories/access%2Fapp";
const OTHER = "repositories/access%2Fother";

async function make(server, page) {
  const dialog = page.getByRole("dialog");
  await step("namespaces: one is made", async () => {
    await page.goto(`${server.url}/namespaces`);
    await button(page, "Create namespace").click();
    await dialog.getByLabel("Name of the namespace").fill("access");
    await button(dialog, "Create").click();
    await page.getByRole("link", { name: "access", exact: true }).waitFor();
    await server.api("POST", "repositories", { namespace: "access", name: "app" });
    await server.api("POST", "repositories", { namespace: "access", name: "other" });
  });
  await check("namespaces: a name that is taken or none is refused, with the remedy", async () => {
    await button(page, "Create namespace").click();
    await dialog.getByLabel("Name of the namespace").fill("access");
    await button(dialog, "Create").click();
    await refused(dialog, "NAMESPACE_EXISTS", "Take another name.");
    await dialog.getByLabel("Name of the namespace").fill(HOSTILE);
    await button(dialog, "Create").click();
    await refused(dialog, "NAME_INVALID", "Take 2 to 120 of a-z and 0-9");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });
}

async function add(page, user, role, place) {
  await button(page, "Add a member").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User").fill(user);
  if (place) {
    await dialog.getByLabel("Where").click();
    await page.locator(".ant-select-item-option", { hasText: place }).first().click();
  }
  await dialog.getByRole("radio", { name: role }).check();
  await button(dialog, "Add a member").click();
  return dialog;
}

async function give(server, page, { user, password }) {
  await step("members: who is added gets in", async () => {
    await page.goto(`${server.url}/namespaces`);
    await page.getByRole("link", { name: "access", exact: true }).click();
    await page.getByText("Nobody has a role here but administrators.").waitFor();
    expectEqual(await server.statusAs(user, password, APP), 404, "before");
    const dialog = await add(page, user, "Develop");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("row", { name: new RegExp(`${user} The whole namespace Develop`) }).waitFor();
    expectEqual(await server.statusAs(user, password, APP), 200, "after");
    expectEqual(await server.statusAs(user, password, "namespaces/access/members"), 403, "members");
  });
  await check("members: nobody, and a hostile name, are refused", async () => {
    const dialog = await add(page, "nobody-of-this-name", "View");
    await refused(dialog, "NOT_FOUND");
    await dialog.getByLabel("User").fill(HOSTILE);
    await button(dialog, "Add a member").click();
    await dialog.getByText(`there is no user ${HOSTILE}`).waitFor();
    await refused(dialog, "NOT_FOUND");
    await button(dialog, "Cancel").click();
    await dialog.waitFor({ state: "detached" });
  });
  await check("members: a role in one repository is for that one", async () => {
    await server.api("POST", "users", { name: "noa", password: "noa-password" });
    const dialog = await add(page, "noa", "View", "access/app");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("row", { name: /noa access\/app View/ }).waitFor();
    expectEqual(await server.statusAs("noa", "noa-password", APP), 200, "the one");
    expectEqual(await server.statusAs("noa", "noa-password", OTHER), 404, "the other");
  });
}

async function partly(browser, server) {
  await check("members: who may not see them sees the rest, and why", async () => {
    const theirs = await browser.page();
    await signIn(theirs, server.url, "/namespaces", "noa", "noa-password");
    await theirs.getByRole("link", { name: "access", exact: true }).click();
    await theirs.getByText("Who has the role Maintain in the whole namespace sees its members. Your role: Only in repositories of it.").waitFor();
    await theirs.getByRole("link", { name: "access/app" }).waitFor();
    await settled(theirs);
    for (const name of ["Add a member", "Save", "Delete the namespace"]) expectEqual(await button(theirs, name).count(), 0, name);
    await theirs.goto(`${server.url}/repositories/new`);
    await theirs.getByText("you have it in none.").waitFor();
    await theirs.getByRole("main").getByRole("link", { name: "Namespaces" }).click();
    await theirs.getByRole("heading", { name: "Namespaces", level: 1 }).waitFor();
    expectEqual(theirs.faults, [], "faults");
    await theirs.context().close();
  });
}

async function changeAndTake(server, page, { user, password }) {
  const dialog = page.getByRole("dialog");
  await check("members: a role is changed", async () => {
    await button(page, `Change the role of ${user} in access`).click();
    await dialog.getByRole("radio", { name: "Maintain" }).check();
    await button(dialog, "Save").click();
    await dialog.waitFor({ state: "detached" });
    expectEqual(await server.statusAs(user, password, "namespaces/access/members"), 200, "members");
  });
  await check("members: who is removed is out, and the dialog says who and where", async () => {
    await button(page, `Remove ${user} from access`).click();
    await dialog.getByText(`Remove ${user} from access?`).last().waitFor();
    await button(dialog, "Remove").click();
    await button(page, `Remove ${user} from access`).waitFor({ state: "detached" });
    expectEqual(await server.statusAs(user, password, APP), 404, "the repository");
    expectEqual(await server.statusAs("noa", "noa-password", APP), 200, "the other member");
  });
}

async function settings(server, page) {
  await check("namespaces: its settings are kept", async () => {
    await page.getByRole("checkbox", { name: "A push makes the repository" }).uncheck();
    await page.getByRole("radio", { name: "Public" }).check();
    await button(page, "Save").click();
    await page.locator(".saved").waitFor();
    const { autoCreate, defaultType } = await server.api("GET", "namespaces/access");
    expectEqual([autoCreate, defaultType], [false, "PUBLIC"], "settings");
  });
  await check("namespaces: the list of repositories leads to its own, and back", async () => {
    await page.getByRole("link", { name: "All", exact: true }).click();
    await page.waitForURL("**/repositories?namespace=access");
    await page.getByRole("link", { name: "access/other", exact: true }).waitFor();
    await page.getByRole("link", { name: "Namespace access", exact: true }).click();
    await page.getByRole("heading", { name: "access", level: 1 }).waitFor();
  });
}

async function end(server, page) {
  const dialog = page.getByRole("dialog");
  await check("namespaces: one that is not empty stays, with the remedy", async () => {
    await button(page, "Delete the namespace").click();
    await dialog.getByLabel("Type access to delete it").fill("access");
    await button(dialog, "Delete the namespace").click();
    await refused(dialog, "NAMESPACE_NOT_EMPTY", "Delete its image repositories and code sources first");
  });
  await check("namespaces: an empty one goes, and the roles with it", async () => {
    await server.api("DELETE", APP);
    await server.api("DELETE", OTHER);
    await button(dialog, "Delete the namespace").click();
    await page.getByRole("heading", { name: "Namespaces", level: 1 }).waitFor();
    await page.getByRole("link", { name: "access", exact: true }).waitFor({ state: "detached" });
    await server.api("POST", "namespaces", { name: "access" });
    expectEqual((await server.api("GET", "namespaces/access/members")).items, [], "members");
    await server.api("DELETE", "namespaces/access");
  });
}

async function pictures(browser, server, page) {
  const state = await page.context().storageState();
  await looks(browser, server, state, "/namespaces/access", "namespace");
  await looks(browser, server, state, "/namespaces/access", "namespace-member", async (shown) => {
    await shown.locator(".section-head .ant-btn-primary").click();
    await shown.getByRole("dialog").waitFor();
  });
}

export async function members(browser, server, page, someone) {
  await make(server, page);
  await give(server, page, someone);
  await partly(browser, server);
  await pictures(browser, server, page);
  await changeAndTake(server, page, someone);
  await settings(server, page);
  await end(server, page);
}
