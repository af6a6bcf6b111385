// The API's description as a page: without a session, searched, opened to the last member, and its lines for curl run as they are.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { clipboard, lookAtPages, settled } from "./browser.mjs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const exec = promisify(execFile);
const OPENED = {
  "reference-get": "/docs/api?q=namespaces#get-api-v1-namespaces",
  "reference-post": "/docs/api?q=namespaces#post-api-v1-namespaces",
  "reference-nothing": "/docs/api?q=nothing-has-this",
};

/** The line that is copied from the operation, as a shell runs it once its capitals are filled in. */
async function curl(page, of, values) {
  await page.getByRole("button", { name: `Copy the curl line for ${of}`, exact: true }).click();
  let line = await clipboard(page);
  for (const [word, value] of Object.entries(values)) {
    expect(line.includes(word), `${word} is not in ${line}`);
    line = line.replaceAll(word, value);
  }
  return JSON.parse((await exec("sh", ["-c", `${line} -s`])).stdout);
}

const operation = (page, id) => page.locator(`#${id}`);

async function withoutSession(browser, server, described) {
  const page = await browser.page();
  await check("API reference: /api/docs leads there, without a session", async () => {
    await page.goto(`${server.url}/api/docs`);
    await page.waitForURL("**/docs/api");
    await page.getByRole("heading", { name: "API reference", level: 1 }).waitFor();
    await settled(page);
    expectEqual(await page.getByLabel("Password", { exact: true }).count(), 0, "fields for a password");
    expectEqual(await page.locator(".operation").count(), described, "operations");
    await page.getByText(`${described} operations`, { exact: true }).waitFor();
  });
  await check("API reference: without a session one can sign in from there, and other pages ask for it", async () => {
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("Password", { exact: true }).waitFor();
    await page.goto(`${server.url}/docs/other`);
    await page.getByLabel("Password", { exact: true }).waitFor();
    expectEqual(page.faults, [], "faults");
  });
  await page.context().close();
}

async function searched(page, server) {
  await check("API reference: a search by words leaves the operations that have them", async () => {
    await page.goto(`${server.url}/docs/api`);
    await settled(page);
    await page.getByLabel("Search operations").fill("post RULES:preview");
    await waitFor("one is left", async () => (await page.locator(".operation").count()) === 1);
    await page.getByText("1 operation", { exact: true }).waitFor();
    await waitFor("it is in the address", () => new URL(page.url()).searchParams.get("q") === "post RULES:preview");
    await page.getByLabel("Search operations").fill("nothing-has-this");
    await page.getByText("No operation has all these words").waitFor();
  });
  await check("API reference: an operation opens to parameters, bodies and answers, and their members unfold", async () => {
    await page.goto(`${server.url}/docs/api?q=builds`);
    const get = operation(page, "get-api-v1-builds-build");
    await get.locator("summary").first().click();
    await get.getByRole("table", { name: "Parameters of GET /api/v1/builds/{build}" }).getByRole("cell", { name: "build", exact: true }).waitFor();
    await get.getByText("400, 401,").click();
    await get.locator(".members", { hasText: "remedy" }).getByText("string or null").first().waitFor();
    await get.locator("summary", { hasText: "200" }).click();
    const nested = get.locator("summary", { hasText: /^Members of jobs/ });
    expectEqual(await get.getByText("platform", { exact: true }).count(), 0, "members that nobody asked for");
    await nested.click();
    await get.getByText("platform", { exact: true }).first().waitFor();
  });
  await check("API reference: the address of an operation shows it open", async () => {
    await page.goto(`${server.url}/docs/api`);
    const id = "post-api-v1-repositories-repository-rules-preview";
    await page.locator(`#${id} summary`).first().click();
    await page.getByRole("button", { name: "Copy the link to POST /api/v1/repositories/{repository}/rules:preview" }).click();
    const link = await clipboard(page);
    expectEqual(link, `${server.url}/docs/api#${id}`, "the link");
    await page.goto("about:blank");
    await page.goto(link);
    await settled(page);
    await operation(page, id).getByText("Request body").waitFor();
    expectEqual(await page.locator(".operation[open]").count(), 1, "open operations");
    const { y } = await operation(page, id).boundingBox();
    expect(y >= 0 && y < 400, `it is at ${y}`);
  });
}

async function lines(page, server) {
  const { secret } = await server.api("POST", "tokens", { name: "for curl" });
  await check("API reference: a line for curl asks this server as it stands", async () => {
    await page.goto(`${server.url}/docs/api#get-api-v1-namespaces`);
    const { items } = await curl(page, "GET /api/v1/namespaces", { TOKEN: secret });
    expect(items.some((one) => one.name === "library"), JSON.stringify(items));
  });
  await check("API reference: a line with a body does too", async () => {
    await page.goto("about:blank");
    await page.goto(`${server.url}/docs/api#post-api-v1-namespaces`);
    const made = await curl(page, "POST /api/v1/namespaces", { TOKEN: secret, NAME: "by-curl" });
    expectEqual(made.name, "by-curl", "the answer");
    await server.api("DELETE", "namespaces/by-curl");
  });
}

async function links(page, server) {
  await check("API reference: the menu of the account, the tokens and the search lead there", async () => {
    await page.goto(`${server.url}/account`);
    await page.getByRole("region", { name: "Tokens" }).getByRole("link", { name: "API reference" }).click();
    await page.getByRole("heading", { name: "API reference", level: 1 }).waitFor();
    await page.goto(`${server.url}/`);
    await page.getByRole("button", { name: "Account of admin" }).click();
    await page.getByRole("menuitem", { name: "API reference" }).click();
    await page.getByRole("heading", { name: "API reference", level: 1 }).waitFor();
    await page.goto(`${server.url}/`);
    await settled(page);
    await page.keyboard.press("/");
    await page.getByRole("combobox").fill("API ref");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/docs/api");
  });
}

export async function reference(browser, server) {
  const doc = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
  const methods = Object.values(doc.paths).flatMap((item) => Object.keys(item).filter((key) => key !== "parameters"));
  await withoutSession(browser, server, methods.length);
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await searched(page, server);
  await lines(page, server);
  await links(page, server);
  await check("API reference: no error", () => expectEqual(page.faults, [], "faults"));
  const state = await page.context().storageState();
  await page.context().close();
  await lookAtPages(browser, state, OPENED);
  await lookAtPages(browser, undefined, { "reference-open": "/docs/api" });
}
