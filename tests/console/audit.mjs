// Workers and their tokens, one's own tokens and sessions, and the log of all that.
import { readFileSync } from "node:fs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { settled } from "./browser.mjs";
import { signIn } from "./flow.mjs";
import { looks, staysOpen } from "./sources.mjs";

const REFUSED = { type: "about:blank", title: "Refused", status: 503, code: "BUSY", detail: "It is busy.", remedy: "Wait a little." };
const refuse = (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(REFUSED) });

/** As `kiln worker` does when it starts. */
async function register(server, token, name) {
  const response = await fetch(`${server.url}/api/v1/worker/register`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ name, version: "0", slots: 1, platforms: [{ platform: "linux/arm64", native: true }] }),
  });
  expectEqual(response.status, 200, "the registration");
}

/** A link among texts stands on their line. */
async function onLine(row, text, button) {
  const other = await row.getByRole("button", { name: button }).elementHandle();
  // Both at one moment: a list that comes anew moves the row.
  const off = await row.getByText(text, { exact: true }).first().evaluate((one, two) => {
    const middle = (element) => {
      const box = element.getBoundingClientRect();
      return box.y + box.height / 2;
    };
    return Math.abs(middle(one) - middle(two));
  }, other);
  expect(off <= 3, `${button} is ${off} px off the line`);
}

async function addWorker(page, server) {
  await page.goto(`${server.url}/workers`);
  await page.getByRole("button", { name: "Add a worker" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("arm-1");
  await dialog.getByLabel("Expires", { exact: true }).click();
  await page.locator(".ant-select-item-option", { hasText: "In 30 days" }).click();
  await dialog.getByRole("button", { name: "Make the token" }).click();
  await dialog.getByRole("group", { name: "kiln worker" }).getByText("kiln worker --server").waitFor();
  const unit = await dialog.getByRole("group", { name: "the systemd unit" }).innerText();
  expect(unit.includes(`ExecStart=/usr/local/bin/kiln worker --server ${server.url} --token-file`), unit);
  await dialog.getByText("Waiting for the worker").waitFor();
  await register(server, (await dialog.getByRole("group", { name: "the token" }).innerText()).trim(), "arm-board");
  await dialog.getByText("arm-board is there").waitFor();
  await staysOpen(page, dialog);
  await dialog.getByRole("button", { name: "Close" }).click();
}

async function workers(page, server) {
  await check("workers: a token is shown once, with command and unit, and the worker is seen to come", async () => {
    await addWorker(page, server);
    const row = page.getByRole("row", { name: /arm-1/ });
    await row.getByText("in 30 days").waitFor();
    await onLine(row, "arm-1", "Delete");
  });
  const board = page.getByRole("row", { name: /arm-board/ });
  await check("workers: what is refused shows code and remedy", async () => {
    await page.route("**/workers/*:drain", refuse);
    await board.getByRole("button", { name: "Drain" }).click();
    await page.locator(".problem", { hasText: "Wait a little." }).getByText("BUSY", { exact: true }).waitFor();
    await page.unroute("**/workers/*:drain");
    await board.getByRole("button", { name: "Drain" }).click();
    await board.getByRole("button", { name: "Resume" }).waitFor();
    expectEqual(await page.locator(".problem").count(), 0, "problems");
  });
  await check("workers: one is removed, at the second try", async () => {
    await page.route("**/workers/*", refuse);
    await board.getByRole("button", { name: "Remove" }).click();
    const dialog = page.getByRole("dialog", { name: "Remove the worker arm-board?" });
    await dialog.getByRole("button", { name: "Remove" }).click();
    await dialog.getByText("Wait a little.").waitFor();
    await page.unroute("**/workers/*");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await board.waitFor({ state: "detached" });
  });
}

async function account(page, server) {
  await check("account: a token is shown once, and logs in until it is deleted", async () => {
    await page.goto(`${server.url}/account`);
    await page.getByRole("button", { name: "Make a token" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("ci");
    await dialog.getByRole("button", { name: "Make a token" }).click();
    const token = (await page.getByRole("group", { name: "the token" }).innerText()).trim();
    const who = () => fetch(`${server.url}/api/v1/tokens`, { headers: { Authorization: `Bearer ${token}` } });
    expectEqual((await who()).status, 200, "with the token");
    await staysOpen(page, dialog);
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Delete the token ci" }).click();
    await page.getByRole("dialog", { name: "Delete the token ci?" }).getByRole("button", { name: "Delete" }).click();
    await waitFor("the token is refused", async () => (await who()).status === 401);
  });
  await check("account: the question before a session ends names it", async () => {
    const row = page.getByRole("row", { name: /This one/ });
    await onLine(row, "This one", "End");
    await row.getByRole("button", { name: "End" }).click();
    const dialog = page.getByRole("dialog", { name: /^End the session of Chrome \d+ on Linux\?$/ });
    await dialog.getByText("It is this one: you are signed out.").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
  });
}

async function passwords(browser, server, page) {
  await check("account: only who is no administrator is asked for the password of now", async () => {
    await page.getByLabel("New password").waitFor();
    expectEqual(await page.getByLabel("Current password").count(), 0, "fields of an administrator");
    await server.api("POST", "users", { name: "mina", password: "first-password" });
    const own = await browser.page();
    await signIn(own, server.url, "/account", "mina", "first-password");
    await own.getByLabel("Current password").fill("first-password");
    await own.getByLabel("New password").fill("11-letters!");
    await own.getByRole("button", { name: "Change the password" }).click();
    await own.getByText("At least 12 characters", { exact: true }).waitFor();
    await own.getByLabel("New password").fill("second-password");
    await own.getByRole("button", { name: "Change the password" }).click();
    await own.getByRole("button", { name: "Sign in" }).waitFor();
    await signIn(own, server.url, "/account", "mina", "second-password");
    await own.getByRole("heading", { name: "Account", level: 1 }).waitFor();
    await own.context().close();
  });
}

async function filters(page, server) {
  const actor = page.getByLabel("Only of this user");
  const rows = page.getByRole("table", { name: "Audit log" }).locator("tbody tr");
  await check("audit: filters are in the address, and go with it in history", async () => {
    await page.goto(`${server.url}/audit`);
    await page.getByRole("link", { name: "worker-token.create" }).first().click();
    await page.waitForURL("**/audit?action=worker-token.create");
    await actor.fill("mina");
    await page.getByText("No change is like this").waitFor();
    expect(page.url().includes("actor=mina") && page.url().includes("action=worker-token.create"), page.url());
    await page.goBack();
    await page.waitForURL("**/audit");
    expectEqual([await actor.inputValue(), await page.getByLabel("Only actions that begin so").inputValue()], ["", ""], "the fields");
    await page.goto(`${server.url}/audit?actor=mina&action=session&target=`);
    await rows.first().waitFor();
    expectEqual(await actor.inputValue(), "mina", "the field");
    expectEqual(new Set(await rows.locator("td:nth-child(2)").allInnerTexts()), new Set(["mina"]), "actors");
  });
  await check("audit: what is filtered is exported as JSON lines", async () => {
    const file = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const download = await file;
    expect(/^kiln-audit-.*\.jsonl$/.test(download.suggestedFilename()), download.suggestedFilename());
    const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
    expectEqual(lines, (await server.api("GET", "audit?actor=mina&action=session&limit=500")).items, "the lines");
    await page.locator(".hint", { hasText: /^\d+ entr(y|ies) exported$/ }).waitFor();
  });
  await check("audit: an export that fails says why", async () => {
    await page.route("**/api/v1/audit?*limit=500*", refuse);
    await page.getByRole("button", { name: "Export" }).click();
    await page.locator(".problem", { hasText: "Wait a little." }).getByText("BUSY", { exact: true }).waitFor();
    await page.unroute("**/api/v1/audit?*limit=500*");
  });
}

export async function audit(browser, server) {
  const page = await browser.page();
  await signIn(page, server.url, "/workers");
  await page.getByRole("heading", { name: "Workers", level: 1 }).waitFor();
  await workers(page, server);
  await account(page, server);
  await passwords(browser, server, page);
  await filters(page, server);
  await settled(page);
  await check("workers, account, audit: no error", () => expectEqual(page.faults, [], "faults"));
  const state = await page.context().storageState();
  await page.context().close();
  await looks(browser, server, state, "/workers", "workers-tokens");
  await looks(browser, server, state, "/workers", "worker-made", async (page) => {
    await page.locator(".page-head .page-actions button").click();
    await page.locator("#name").fill("look");
    await page.locator(".ant-modal-footer .ant-btn-primary").click();
    await page.locator(".ant-modal .pill").waitFor();
  });
  await looks(browser, server, state, "/account", "account-question", async (page) => {
    await page.route("**/sessions/*", refuse);
    await page.locator("table").last().locator("button").first().click();
    await page.locator(".ant-modal-confirm-btns .ant-btn-dangerous").click();
    await page.locator(".ant-modal-confirm .problem").waitFor();
  });
  await looks(browser, server, state, "/audit?target=mina", "audit-target");
}
