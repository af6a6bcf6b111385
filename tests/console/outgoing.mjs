// Outgoing webhooks by mouse: an endpoint made, tested, told of a build, its log, sent again, changed, deleted. The receiver is a real one.
import { createServer } from "node:http";
import { button, HOSTILE, lookAtPages, LOOKS, refused, settled } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { looks, staysOpen } from "./sources.mjs";

const AT = "/repositories/outgoing/app/-/triggers";

/** Keeps what it is sent; `status` is what it answers. */
async function receiver() {
  const got = [];
  const state = { status: 200 };
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      got.push({ id: request.headers["webhook-id"], signature: request.headers["webhook-signature"], body: JSON.parse(Buffer.concat(parts)) });
      response.writeHead(state.status).end(`taken ${HOSTILE}`);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { got, state, host: `127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function prepare(server) {
  await server.api("POST", "namespaces", { name: "outgoing" });
  await server.api("POST", "repositories", { namespace: "outgoing", name: "app", type: "PRIVATE" });
}

async function make(page, server, to) {
  await step("outgoing: a repository without a code source has the page, where nobody is told yet", async () => {
    await page.goto(`${server.url}/repositories/outgoing/app/-/info`);
    await page.getByRole("navigation", { name: "Repository outgoing/app" }).getByRole("link", { name: "Triggers" }).click();
    await page.getByText("Nobody is told of builds and tags").waitFor();
  });
  await check("outgoing: an address that is refused says why in the dialog", async () => {
    await button(page, "Add an endpoint").click();
    const dialog = page.getByRole("dialog", { name: "Add an endpoint" });
    await button(dialog, "Add").click();
    await dialog.getByText("This is needed.").waitFor();
    await dialog.getByLabel("URL", { exact: true }).fill("http://169.254.169.254/latest");
    await button(dialog, "Add").click();
    await refused(dialog, "ENDPOINT_ADDRESS", "Take an address that means the same on every machine.");
    await button(dialog, "Cancel").click();
    await dialog.waitFor({ state: "detached" });
  });
  await step("outgoing: one is made, its secret shown once", async () => {
    await button(page, "Add an endpoint").click();
    const dialog = page.getByRole("dialog", { name: "Add an endpoint" });
    await dialog.getByLabel("URL", { exact: true }).fill(`http://${to.host}/hooks/path`);
    await dialog.getByLabel("Build started").uncheck();
    await dialog.getByLabel("Sign what is sent").check();
    await button(dialog, "Add").click();
    const secret = (await dialog.getByRole("group", { name: "the secret" }).innerText()).trim();
    expect(secret.startsWith("whsec_"), secret);
    await staysOpen(page, dialog);
    await button(dialog, "Close").click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("region", { name: `Endpoint ${to.host}` }).waitFor();
    expect(!(await page.content()).includes(secret), "the secret is still on the page");
  });
}

async function tested(page, to) {
  const one = page.getByRole("region", { name: `Endpoint ${to.host}` });
  await check("outgoing: a test shows the answer, as text", async () => {
    await page.getByText("Nothing happened yet that it is told of").waitFor();
    await button(one, "Send a test").click();
    await one.getByText("The test was taken").waitFor();
    await one.getByRole("group", { name: "the answer to attempt 1" }).getByText(`taken ${HOSTILE}`).waitFor();
    expectEqual(await page.locator("img[src=x]").count(), 0, "images");
    expectEqual([to.got.length, to.got[0].body.type, to.got[0].signature.startsWith("v1,")], [1, "kiln.test", true], "what came");
    await page.getByRole("table", { name: "Notifications" }).getByText("Delivered").waitFor();
  });
  await check("outgoing: a test that is not taken says so", async () => {
    to.state.status = 500;
    await button(one, "Send a test").click();
    await one.getByText("The test was not taken").waitFor();
    await page.getByRole("table", { name: "Outgoing" }).getByText("it answered 500").waitFor();
    to.state.status = 200;
  });
}

async function told(page, server, to) {
  const log = page.getByRole("table", { name: "Notifications" });
  await step("outgoing: a build is told, and leads to its page", async () => {
    await server.api("PUT", "repositories/outgoing%2Fapp/source", { provider: "KILN" });
    await server.api("POST", "repositories/outgoing%2Fapp/rules", { refType: "GIT_BRANCH", pattern: "main", imageTags: [{ version: "main" }] });
    await server.push("outgoing/app", { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" }, "main");
    const build = await server.built("outgoing/app");
    await waitFor("both are there", async () => to.got.length === 4);
    expectEqual(to.got.slice(2).map((got) => got.body.type).sort(), ["kiln.build.succeeded", "kiln.tag.written"], "events");
    const row = log.locator("tr", { hasText: "Build succeeded" });
    const href = await row.getByRole("link", { name: build.id.slice(0, 8) }).getAttribute("href");
    expect(href.endsWith(`/repositories/outgoing/app/-/builds/${build.id}`), href);
    await log.locator("tr", { hasText: "Tag written" }).getByRole("link", { name: "main", exact: true }).waitFor();
  });
  await check("outgoing: what was sent and answered is in the address, by keyboard", async () => {
    await log.locator("tr", { hasText: "Build succeeded" }).getByRole("button", { name: /^Details of whn-/ }).focus();
    await page.keyboard.press("Enter");
    await log.getByRole("group", { name: "what was sent" }).getByText("kiln.build.succeeded").waitFor();
    expect(new URL(page.url()).searchParams.get("notification").startsWith("whn-"), page.url());
    await page.reload();
    await log.getByRole("group", { name: "what was sent" }).getByText("kiln.build.succeeded").waitFor();
  });
  await check("outgoing: Redeliver sends the same again", async () => {
    const before = to.got.find((got) => got.body.type === "kiln.build.succeeded");
    await log.locator("tr", { hasText: "Build succeeded" }).getByRole("button", { name: /^Redeliver whn-/ }).click();
    await waitFor("it comes", async () => to.got.length === 5);
    expectEqual([to.got[4].id, to.got[4].body], [before.id, before.body], "what came");
    await log.getByRole("group", { name: "the answer to attempt 2" }).waitFor();
  });
  await check("outgoing: only those that failed", async () => {
    await page.getByRole("radiogroup", { name: "Result" }).getByText("Failed", { exact: true }).click();
    await waitFor("one is left", async () => (await log.locator("tbody tr:not(.below)").count()) === 1);
    expectEqual(new URL(page.url()).searchParams.get("result"), "failed", "in the address");
    await page.getByRole("radiogroup", { name: "Result" }).getByText("Waiting", { exact: true }).click();
    await page.getByText("There is none with this result").waitFor();
    await page.getByRole("radiogroup", { name: "Result" }).getByText("All", { exact: true }).click();
  });
}

async function changed(page, to) {
  const one = page.getByRole("region", { name: `Endpoint ${to.host}` });
  await check("outgoing: a change sends only what differs; one that is off says so", async () => {
    await button(one, "Change").click();
    const dialog = page.getByRole("dialog", { name: "Change the endpoint" });
    expectEqual(await dialog.getByLabel("Build started").isChecked(), false, "the event");
    await dialog.getByLabel("Send notifications").uncheck();
    const asked = page.waitForRequest((request) => request.method() === "PATCH");
    await button(dialog, "Save").click();
    expectEqual((await asked).postDataJSON(), { enabled: false }, "the request");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("table", { name: "Outgoing" }).getByText("Off", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: /^Redeliver whn-/ }).first().isDisabled(), "it is sent again all the same");
  });
  await check("outgoing: a new secret is shown once, and the question names the host", async () => {
    await button(one, "New secret").click();
    await button(page.getByRole("dialog", { name: `Make a new secret for ${to.host}?` }), "New secret").click();
    expect((await one.getByRole("group", { name: "the secret" }).innerText()).trim().startsWith("whsec_"), "the secret");
    await page.reload();
    await one.waitFor();
    expectEqual(await one.getByRole("group", { name: "the secret" }).count(), 0, "secrets");
  });
}

async function rights(browser, server) {
  await check("outgoing: who may only develop is told which role it takes", async () => {
    await server.api("POST", "users", { name: "outgoing-dev", password: "outgoing-password" });
    await server.api("PUT", "namespaces/outgoing/members/outgoing-dev", { role: "develop" });
    const page = await browser.page();
    await signIn(page, server.url, AT, "outgoing-dev", "outgoing-password");
    await page.getByText("This needs the role Maintain in outgoing/app").waitFor();
    await settled(page);
    expectEqual(await page.getByRole("region", { name: "Outgoing" }).count(), 0, "sections");
    expectEqual(page.faults, [], "faults");
    await page.context().close();
  });
}

async function end(page, server, to) {
  await check("outgoing: one that is deleted is in no list, and the dialog names it", async () => {
    await button(page.getByRole("region", { name: `Endpoint ${to.host}` }), "Delete").click();
    await button(page.getByRole("dialog", { name: `Delete the endpoint ${to.host}?` }), "Delete").click();
    await page.getByText("Nobody is told of builds and tags").waitFor();
    expectEqual((await server.api("GET", "repositories/outgoing%2Fapp/endpoints")).items, [], "on the server");
    expectEqual(new URL(page.url()).search, "", "the address");
  });
}

export async function outgoing(browser, server) {
  const to = await receiver();
  await prepare(server);
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await make(page, server, to);
  await tested(page, to);
  await told(page, server, to);
  const state = await page.context().storageState();
  const open = new URL(page.url()).pathname + new URL(page.url()).search;
  await looks(browser, server, state, open, "outgoing", async (page) => {
    await page.locator(".section", { hasText: "/hooks/path" }).locator(".page-actions button").first().click();
    await page.locator(".ant-alert").waitFor();
    await page.evaluate(() => scrollTo(0, 0));
  });
  const add = async (page) => {
    await page.locator(".section").last().locator(".page-actions button").first().click();
    await page.getByRole("dialog").waitFor();
  };
  await lookAtPages(browser, state, { "filled-outgoing-add": AT }, { looks: [LOOKS[0], LOOKS[3]], open: add });
  await changed(page, to);
  await rights(browser, server);
  await end(page, server, to);
  await check("outgoing: no error", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  to.close();
}
