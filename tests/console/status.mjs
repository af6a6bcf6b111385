// Commit status by mouse: why it cannot be, switched on, named, told of a build, refused, told again, switched off. The provider is played by a
// server that hands git to this server's own remote, and keeps what it is told.
import { createServer, request as ask } from "node:http";
import { button, HOSTILE, lookAtPages, refused } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { PASSWORD } from "./server.mjs";

const AT = "/repositories/status/app/-/settings";
const STATUS = "repositories/status%2Fapp/commit-status";

async function provider(server) {
  const told = [];
  const state = { status: 201, body: "{}" };
  const http = createServer((request, response) => {
    if (!request.url.startsWith("/api/v3/")) {
      const options = { host: "127.0.0.1", port: server.port, path: `/git${request.url}`, method: request.method, headers: request.headers };
      request.pipe(
        ask(options, (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        }),
      );
      return;
    }
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      told.push({ path: request.url, ...JSON.parse(Buffer.concat(parts)) });
      response.writeHead(state.status).end(state.body);
    });
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { told, state, url: `http://127.0.0.1:${http.address().port}`, close: () => http.close() };
}

async function prepare(server) {
  await server.api("POST", "namespaces", { name: "status" });
  for (const name of ["code", "app"]) {
    await server.api("POST", "repositories", { namespace: "status", name, type: "PRIVATE" });
    await server.api("PUT", `repositories/status%2F${name}/source`, { provider: "KILN" });
  }
  await server.push("status/code", { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" }, "main");
}

const part = (page) => page.getByRole("region", { name: "Commit status", exact: true });
const says = (page, text) => part(page).getByText(text, { exact: true }).waitFor();

async function switchedOn(page, server, to) {
  await step("commit status: what cannot be told says why, and is not switched on", async () => {
    await page.goto(`${server.url}${AT}`);
    await says(page, "The provider has no commit status");
    expect(await button(part(page), "Switch on").isDisabled(), "it may be switched on");
  });
  await check("commit status: with a source at a provider it is switched on", async () => {
    const source = await server.api("POST", "sources", {
      namespace: "status",
      name: "hub",
      provider: "GITHUB",
      url: `${to.url}/status/code.git`,
      username: "admin",
      secret: PASSWORD,
      allowPrivate: true,
      pollSeconds: 0,
    });
    await server.api("PUT", "repositories/status%2Fapp/source", { sourceId: source.id });
    await page.reload();
    await says(page, "Off");
    await says(page, `${to.url}/api/v3`);
    await button(part(page), "Switch on").click();
    await says(page, "On");
    expect((await server.api("GET", STATUS)).enabled, "it is off");
  });
  await check("commit status: the name is changed, and one that is wrong says so", async () => {
    const name = part(page).getByLabel("Name of the status");
    await name.fill("ci {arch}");
    await button(part(page), "Save").click();
    await refused(part(page), "STATUS_CONTEXT", "Take up to 100 bytes of text");
    await name.fill(`ci ${HOSTILE} {repository}`);
    await button(part(page), "Save").click();
    await part(page).getByText(`Now it is: ci ${HOSTILE} status/app`).waitFor();
    expectEqual(await page.locator("img[src=x]").count(), 0, "images");
  });
}

async function told(page, server, to) {
  await step("commit status: a build is told, and leads to its page", async () => {
    const rule = await server.api("POST", "repositories/status%2Fapp/rules", {
      refType: "GIT_BRANCH",
      pattern: "main",
      imageTags: [{ version: "main" }],
    });
    const build = await server.api("POST", `repositories/status%2Fapp/rules/${rule.id}:build`, {});
    await server.built("status/app");
    await waitFor("it is told", async () => to.told.at(-1)?.state === "success");
    expectEqual(to.told.at(-1).context, `ci ${HOSTILE} status/app`, "the name");
    await waitFor("it is through", async () => (await server.api("GET", STATUS)).waiting === 0);
    await page.reload();
    await says(page, "Succeeded");
    const href = await part(page).getByRole("link", { name: `Build ${build.id.slice(0, 8)}` }).getAttribute("href");
    expect(href.endsWith(`/repositories/status/app/-/builds/${build.id}`), href);
  });
  await check("commit status: a token that may not says what it needs, by keyboard", async () => {
    Object.assign(to.state, { status: 403, body: JSON.stringify({ message: `no ${HOSTILE}` }) });
    await button(part(page), "Report the newest build again").focus();
    await page.keyboard.press("Enter");
    await refused(part(page), "STATUS_DENIED", "The token needs repo:status");
    await part(page).getByText(`answered 403: no ${HOSTILE}`).waitFor();
    expectEqual(await page.locator("img[src=x]").count(), 0, "images");
  });
}

async function switchedOff(page, server, to) {
  await check("commit status: once it may, the newest build is told again", async () => {
    Object.assign(to.state, { status: 201, body: "{}" });
    const before = to.told.length;
    await button(part(page), "Report the newest build again").click();
    await waitFor("it is told", async () => to.told.length === before + 1);
    await part(page).locator(".problem").waitFor({ state: "detached" });
    await part(page).getByText("answered 201").waitFor();
  });
  await check("commit status: it is switched off", async () => {
    await button(part(page), "Switch off").click();
    await says(page, "Off");
    expect(!(await server.api("GET", STATUS)).enabled, "it is on");
  });
}

export async function status(browser, server) {
  const to = await provider(server);
  await step("commit status: there is code", () => prepare(server));
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  await switchedOn(page, server, to);
  await told(page, server, to);
  await lookAtPages(browser, state, { "commit-status": AT });
  await switchedOff(page, server, to);
  await check("commit status: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  to.close();
}
