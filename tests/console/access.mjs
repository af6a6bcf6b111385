// Users and namespaces by mouse: who is made signs in, who gets a role gets in, and who loses it is out again.
import { button, clipboard, HOSTILE, refused, settled } from "./browser.mjs";
import { check, expect, expectEqual, step } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { members } from "./members.mjs";
import { looks } from "./sources.mjs";

/** Presses `verb`, and again in the dialog that asks. */
async function confirm(page, verb) {
  await button(page, verb).click();
  await button(page.getByRole("dialog"), verb).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function makeUsers(browser, server, page) {
  let password;
  const dialog = page.getByRole("dialog");
  await step("users: one is made, the generated password shown once", async () => {
    await button(page, "Make a user").click();
    await dialog.getByLabel("Name", { exact: true }).fill("lena");
    await dialog.getByLabel("Password").fill("11-letters!");
    await button(dialog, "Make a user").click();
    await dialog.getByText("At least 12 characters", { exact: true }).waitFor();
    await button(dialog, "Generate").click();
    password = (await dialog.getByRole("group", { name: "the password" }).innerText()).trim();
    await button(dialog, "Make a user").click();
    await dialog.getByText("The user lena is made").waitFor();
    expectEqual((await dialog.getByRole("group", { name: "the password" }).innerText()).trim(), password, "the password");
    await button(dialog, "Copy the password").click();
    expectEqual(await clipboard(page), password, "what is copied");
    await button(dialog, "Close").last().click();
    await page.getByRole("link", { name: "lena", exact: true }).waitFor();
    expect(!(await page.content()).includes(password), "the password is still on the page");
  });
  await step("users: who was made signs in, and is no administrator", async () => {
    const hers = await browser.page();
    await signIn(hers, server.url, "/users", "lena", password);
    await hers.getByText("This is for administrators").waitFor();
    expectEqual(await hers.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Users" }).count(), 0, "places");
    await hers.getByRole("link", { name: "Namespaces", exact: true }).click();
    await hers.getByText("You see those that you have a role in. Ask an administrator for one.").waitFor();
    expectEqual(await button(hers, "Create namespace").count(), 0, "buttons");
    expectEqual(hers.faults, [], "faults");
    await hers.context().close();
  });
  await check("users: a name that is taken or none is refused, with the remedy", async () => {
    await button(page, "Make a user").click();
    await dialog.getByLabel("Name", { exact: true }).fill("lena");
    await button(dialog, "Make a user").click();
    await refused(dialog, "USER_EXISTS", "Choose another name.");
    await dialog.getByLabel("Name", { exact: true }).fill(HOSTILE);
    await button(dialog, "Make a user").click();
    await refused(dialog, "USER_NAME", "Use a to z, 0 to 9");
    await button(dialog, "Cancel").click();
  });
  await check("users: the filter is a part of the name, in the address", async () => {
    await page.getByLabel("Search by name").fill("MIN");
    await page.waitForURL("**/users?q=MIN");
    await page.getByRole("link", { name: "admin", exact: true }).waitFor();
    await page.getByLabel("Search by name").fill(HOSTILE);
    await page.getByText("No user has such a name").waitFor();
    await page.goto(`${server.url}/users?q=lena`);
    await page.getByRole("link", { name: "lena", exact: true }).click();
    await page.getByRole("heading", { name: "lena", level: 1 }).waitFor();
  });
  return password;
}

async function changeUser(browser, server, page, password) {
  const hers = await browser.page();
  await signIn(hers, server.url, "/", "lena", password);
  await hers.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await check("users: who is disabled is refused, and signed out", async () => {
    await confirm(page, "Disable");
    await page.getByText("Disabled", { exact: true }).waitFor();
    expectEqual(await server.statusAs("lena", password), 401, "her login");
    await hers.goto(`${server.url}/repositories`);
    await hers.getByRole("heading", { name: "Sign in to kiln" }).waitFor();
    await confirm(page, "Enable");
    await page.getByText("Active", { exact: true }).waitFor();
    expectEqual(await server.statusAs("lena", password), 200, "her login");
  });
  await hers.context().close();
  await check("users: the right of an administrator is given and withdrawn", async () => {
    expectEqual(await server.statusAs("lena", password, "audit"), 403, "before");
    await confirm(page, "Make administrator");
    await page.getByText("Administrator", { exact: true }).waitFor();
    expectEqual(await server.statusAs("lena", password, "audit"), 200, "as an administrator");
    await confirm(page, "Withdraw administrator");
    await button(page, "Make administrator").waitFor();
    expectEqual(await server.statusAs("lena", password, "audit"), 403, "after");
  });
  await check("users: a new password takes the place of the old one", async () => {
    await page.getByLabel("New password").fill("11-letters!");
    await button(page, "Set the password").click();
    await page.getByText("At least 12 characters", { exact: true }).waitFor();
    await page.getByLabel("New password").fill("another-password");
    await button(page, "Set the password").click();
    await page.locator(".saved").waitFor();
    expectEqual(await server.statusAs("lena", password), 401, "the old one");
    expectEqual(await server.statusAs("lena", "another-password"), 200, "the new one");
  });
}

async function userTokens(server, page) {
  await check("users: a token of a user is deleted by an administrator, its name a text", async () => {
    const made = await fetch(`${server.url}/api/v1/tokens`, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa("lena:another-password")}`, "Content-Type": "application/json" },
      body: JSON.stringify({ name: HOSTILE }),
    });
    const { secret } = await made.json();
    const who = async () => (await fetch(`${server.url}/api/v1/tokens`, { headers: { Authorization: `Bearer ${secret}` } })).status;
    expectEqual(await who(), 200, "with the token");
    await page.reload();
    await page.getByRole("cell", { name: HOSTILE, exact: true }).waitFor();
    expectEqual(await page.locator("img[src=x]").count(), 0, "images");
    await button(page, `Delete the token ${HOSTILE}`).click();
    await button(page.getByRole("dialog"), "Delete").click();
    await page.getByText("No tokens.").waitFor();
    expectEqual(await who(), 401, "with the token");
  });
}

async function lastOnes(server, page) {
  await check("users: one does not lock oneself out", async () => {
    await page.goto(`${server.url}/users/admin`);
    await page.getByText("This is you. Another administrator can").first().waitFor();
    for (const name of ["Withdraw administrator", "Disable", "Delete the user"]) {
      expect(await button(page, name).isDisabled(), name);
    }
    expectEqual(await page.getByLabel("New password").count(), 0, "a password without the one of now");
  });
  await check("users: who is deleted is out, and the name has to be typed", async () => {
    await server.api("POST", "users", { name: "gone", password: "gone-password" });
    await page.goto(`${server.url}/users/gone`);
    await button(page, "Delete the user").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("All roles in namespaces, all sessions and 0 tokens go with the user.").waitFor();
    expect(await button(dialog, "Delete the user").isDisabled(), "it can be deleted without its name");
    await dialog.getByLabel("Type gone to delete it").fill("gone");
    await button(dialog, "Delete the user").click();
    await page.getByRole("heading", { name: "Users", level: 1 }).waitFor();
    await page.getByRole("link", { name: "gone", exact: true }).waitFor({ state: "detached" });
    expectEqual(await server.statusAs("gone", "gone-password"), 401, "the login");
  });
  await check("users: one that is not there, and one with a hostile name", async () => {
    await page.goto(`${server.url}/users/${encodeURIComponent(HOSTILE)}`);
    await page.getByText("NOT_FOUND", { exact: true }).waitFor();
    await settled(page);
    expectEqual(await page.locator("img[src=x]").count(), 0, "images");
  });
}

async function pictures(browser, server, state) {
  const longest = "a-user-with-a-name-as-long-as-can-be".padEnd(64, "-64");
  await server.api("POST", "users", { name: longest });
  await server.api("PATCH", `users/${longest}`, { disabled: true });
  const open = (name) => async (page) => {
    await page.locator(name).first().click();
    await page.getByRole("dialog").waitFor();
  };
  await looks(browser, server, state, "/users", "users");
  await looks(browser, server, state, "/users", "users-make", open(".page-head .ant-btn-primary"));
  await looks(browser, server, state, "/users/lena", "user");
  await looks(browser, server, state, "/users/admin", "user-own");
}

export async function access(browser, server) {
  const page = await browser.page();
  await signIn(page, server.url, "/users");
  await page.getByRole("heading", { name: "Users", level: 1 }).waitFor();
  const password = await makeUsers(browser, server, page);
  await changeUser(browser, server, page, password);
  await userTokens(server, page);
  await lastOnes(server, page);
  await members(browser, server, page, { user: "lena", password: "another-password" });
  expectEqual(page.faults, [], "faults");
  const state = await page.context().storageState();
  await page.context().close();
  await pictures(browser, server, state);
}
