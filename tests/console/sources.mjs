// Code sources by mouse: made, its connection tested, a delivery and its replay; a token for a worker and one of one's own.
import { look } from "./browser.mjs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { PASSWORD } from "./server.mjs";

async function choose(page, label, option) {
  await page.getByLabel(label, { exact: true }).click();
  await page.locator(".ant-select-item-option", { hasText: option }).first().click();
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
  await dialog.getByRole("button", { name: "Close" }).last().click();
  return hook;
}

async function looks(browser, server, state, path, name) {
  for (const theme of ["light", "dark"]) {
    for (const [language, width] of [["en", 1280], ["zh", 1280], ["en", 320]]) {
      await check(`${name} ${theme} ${language} ${width}`, async () => {
        const page = await browser.page({ width, theme, language, state });
        await page.goto(server.url + path);
        await look(browser, page, `${name}-${theme}-${language}-${width}`);
        await page.context().close();
      });
    }
  }
}

export async function sources(browser, server) {
  await server.api("POST", "namespaces", { name: "forge" });
  await server.api("POST", "repositories", { namespace: "forge", name: "app", type: "PRIVATE" });
  await server.api("PUT", "repositories/forge%2Fapp/source", { provider: "KILN" });
  const page = await browser.page();
  await signIn(page, server.url, "/sources");
  await page.getByRole("heading", { name: "Code Sources", level: 1 }).waitFor();
  let hook, id;
  await check("code sources: one is made, its secret shown once", async () => {
    hook = await make(page, server);
    await page.getByRole("link", { name: "forge/app-code" }).click();
    await page.getByRole("heading", { name: "forge/app-code", level: 1 }).waitFor();
    id = page.url().split("/").at(-1);
    expect(!(await page.content()).includes(hook.secret), "the secret is still on the page");
  });
  await check("code sources: a connection that is refused says why and what to do", async () => {
    await page.getByRole("button", { name: "Test the connection" }).click();
    await page.getByText("SRC_AUTH").waitFor();
  });
  await check("code sources: a connection that works", async () => {
    await server.api("PATCH", `sources/${id}`, { credential: "password", username: "admin", secret: PASSWORD });
    await page.getByRole("button", { name: "Test the connection" }).click();
    await page.getByText("It answers, with 0 branches and tags").waitFor();
    await page.getByRole("button", { name: "Look now" }).click();
    await page.locator(".ant-alert-title", { hasText: "Looked; 0 builds started" }).waitFor();
  });
  await check("code sources: deliveries are listed and taken up again", async () => {
    const send = (authorization) =>
      fetch(hook.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...(authorization ? { Authorization: authorization } : {}) },
        body: JSON.stringify({ ref: "refs/heads/main", commit: "a1".repeat(20), pusher: "<b>mina</b>" }),
      });
    expectEqual((await send(`Bearer ${hook.secret}`)).status, 202, "the signed delivery");
    expectEqual((await send("Bearer guessed")).status, 401, "the other");
    await page.getByText("Refused: not signed with the secret").waitFor();
    await page.getByText("1 ref, by <b>mina</b>").waitFor();
    await page.locator("tr", { hasText: "Accepted" }).getByRole("button", { name: "Replay" }).click();
    await waitFor("the replay is announced", async () => (await page.getByText("The delivery is taken up again").count()) > 0);
    expect(await page.locator("tr", { hasText: "Refused" }).getByRole("button", { name: "Replay" }).isDisabled(), "a refused one is replayed");
  });
  await check("code sources: a new secret is shown once", async () => {
    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "New secret" }).click();
    const secret = (await page.getByRole("group", { name: "the webhook's secret" }).innerText()).trim();
    expect(secret && secret !== hook.secret, "it is the old one");
  });
  await check("workers: a token is shown once, with the command", async () => {
    await page.goto(`${server.url}/workers`);
    await page.getByRole("button", { name: "Add a worker" }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("arm-1");
    await page.getByRole("dialog").getByRole("button", { name: "Make the token" }).click();
    await page.getByRole("group", { name: "kiln worker" }).getByText("kiln worker --server").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("cell", { name: "arm-1" }).waitFor();
  });
  await check("account: a token logs in until it is deleted", async () => {
    await page.goto(`${server.url}/account`);
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("ci");
    await page.getByRole("dialog").getByRole("button", { name: "Make a token" }).click();
    const token = (await page.getByRole("group", { name: "the token" }).innerText()).trim();
    const who = () => fetch(`${server.url}/api/v1/tokens`, { headers: { Authorization: `Bearer ${token}` } });
    expectEqual((await who()).status, 200, "with the token");
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.locator("tr", { hasText: "ci" }).last().getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await waitFor("the token is refused", async () => (await who()).status === 401);
  });
  expectEqual(page.faults, [], "faults");
  const state = await page.context().storageState();
  await page.context().close();
  await looks(browser, server, state, `/sources/${id}`, "source");
}
