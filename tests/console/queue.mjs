// All builds, and the queue: filters, new builds, pages, what waits for what, and who may do what.
import { button, lookAtPages } from "./browser.mjs";
import { Gate, pathOf, start } from "./builds.mjs";
import { check, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "queue/app";
const OTHER = "queue/other";
const MANY = 22;

const table = (page) => page.getByRole("table", { name: "Builds", exact: true });
const logs = (page) => table(page).getByRole("link", { name: /^Log of build/ });
const firstLog = (page) => logs(page).first().getAttribute("aria-label");
const param = (page, name) => new URL(page.url()).searchParams.get(name);

/** The worker takes nothing, so that builds wait. */
async function drain(server, on) {
  const { items } = await server.api("GET", "workers");
  for (const { id } of items) await server.api("POST", `workers/${id}:drain`, { on });
}

async function fill(server) {
  await start(server, NAME, "FROM alpine\nLABEL a=1\n", ["linux/amd64"]);
  const done = await server.built(NAME);
  await start(server, OTHER, "FROM alpine\nRUN exit 3\n", ["linux/amd64"]);
  await server.built(OTHER);
  await drain(server, true);
  for (let i = 0; i < MANY; i += 1) {
    const build = await server.api("POST", `builds/${done.id}:rerun`, {});
    await server.api("POST", `builds/${build.id}:cancel`, {});
  }
  return done;
}

async function filters(page, server) {
  await check("builds: by the navigation and by key", async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Builds" }).click();
    await page.getByRole("heading", { name: "Builds", level: 1 }).waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("h");
    await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("b");
    await page.getByRole("heading", { name: "Builds", level: 1 }).waitFor();
  });
  await check("builds: pages by cursor, and back to the first", async () => {
    await waitFor("a whole page", async () => (await logs(page).count()) === 20);
    const first = await firstLog(page);
    await button(page, "Next").click();
    await waitFor("the next page", async () => (await firstLog(page)) !== first);
    await button(page, "First page").click();
    await waitFor("the first page", async () => (await firstLog(page)) === first);
  });
  await check("builds: state, repository and branch are in the address", async () => {
    await page.getByRole("combobox", { name: "State" }).click();
    await page.locator(".ant-select-item-option", { hasText: "Failed" }).click();
    await table(page).getByText(OTHER).first().waitFor();
    await waitFor("failed ones only", async () => (await table(page).getByText(NAME, { exact: true }).count()) === 0);
    await page.getByRole("combobox", { name: "Repository" }).fill("queue/");
    await page.locator(".ant-select-item-option", { hasText: NAME }).click();
    await page.getByText("No build matches").waitFor();
    await page.getByRole("combobox", { name: "State" }).click();
    await page.locator(".ant-select-item-option", { hasText: "Succeeded" }).click();
    await waitFor("one succeeded", async () => (await logs(page).count()) === 1);
    await page.getByLabel("Name of the branch").fill("main");
    await waitFor("the branch", () => param(page, "ref") === "refs/heads/main");
    await page.getByLabel("Branch or tag").click();
    await page.getByTitle("Tag", { exact: true }).click();
    await page.getByText("No build matches").waitFor();
    expectEqual(new URL(page.url()).search, "?status=SUCCESS&repository=queue%2Fapp&ref=refs%2Ftags%2Fmain", "the address");
    await button(page, "Show all builds").click();
    await waitFor("all", async () => (await logs(page).count()) === 20);
    expectEqual(await page.getByLabel("Name of the tag").inputValue(), "", "the tag");
  });
}

async function retry(page, server) {
  await check("builds: Retry goes to the new record", async () => {
    await page.goto(`${server.url}/builds?repository=${encodeURIComponent(OTHER)}`);
    const before = await server.newest(OTHER);
    await button(page, `Retry build ${before.id}`).click();
    await page.waitForURL("**/-/builds/*");
    await waitFor("it waits", async () => (await server.newest(OTHER)).status === "PENDING");
  });
}

async function waiting(page, server) {
  await check("queue: what waits, for which worker, and the way to the workers", async () => {
    await page.goto(`${server.url}/builds`);
    await page.getByRole("tab", { name: "Queue" }).click();
    await page.getByRole("table", { name: "Waiting builds" }).getByText("A worker for linux/amd64: none is online").waitFor();
    expectEqual(param(page, "view"), "queue", "the view");
    await page.getByRole("alert").getByRole("link", { name: "Workers" }).click();
    await page.getByRole("heading", { name: "Workers", level: 1 }).waitFor();
    await page.goBack();
  });
  await check("queue: Cancel takes it away", async () => {
    const { id } = await server.newest(OTHER);
    await button(page, `Cancel build ${id}`).click();
    await page.getByText("Nothing waits").waitFor();
  });
}

async function turns(page, server, done) {
  await check("queue: the turn is the server's, in the table and at the build", async () => {
    const rerun = () => server.api("POST", `builds/${done.id}:rerun`, {});
    const first = await rerun();
    const { repository } = await server.api("GET", `builds/${first.id}`);
    await start(server, "queue/turn", "FROM alpine\nLABEL a=1\n", ["linux/amd64"]);
    const other = await server.newest("queue/turn");
    await page.goto(`${server.url}/builds?view=queue`);
    const rows = page.getByRole("table", { name: "Waiting builds" }).locator("tbody tr");
    await waitFor("both", async () => (await rows.count()) === 2);
    expectEqual(await rows.locator('[data-title="Turn"]').allInnerTexts(), ["1", "2"], "turns");
    await rows.nth(0).getByText(repository).waitFor();
    await page.goto(`${server.url}${pathOf("queue/turn", other)}`);
    await page.getByText("Waiting for a worker: number 2 in the queue").waitFor();
    await server.api("POST", `builds/${first.id}:cancel`, {});
    await page.getByText("Waiting for a worker: number 1 in the queue").waitFor();
    await server.api("POST", `builds/${other.id}:cancel`, {});
  });
}

async function news(page, server, done) {
  await check("builds: new ones are a button while the top is out of sight, and rows stay", async () => {
    await page.setViewportSize({ width: 1280, height: 500 });
    await page.goto(`${server.url}/builds`);
    await waitFor("a whole page", async () => (await logs(page).count()) === 20);
    await page.mouse.move(700, 400);
    await page.mouse.wheel(0, 600);
    const before = await firstLog(page);
    const { id } = await server.api("POST", `builds/${done.id}:rerun`, {});
    await button(page, "1 new build").waitFor();
    expectEqual(await firstLog(page), before, "the first row");
    await server.api("POST", `builds/${id}:cancel`, {});
    await button(page, "1 new build").click();
    await waitFor("it is the first", async () => (await firstLog(page)) === `Log of build ${id}`);
    expectEqual(await button(page, "1 new build").count(), 0, "buttons");
  });
  await check("builds: at the top new ones come in by themselves, and stay while what is known below the top is older", async () => {
    const { id } = await server.api("POST", `builds/${done.id}:rerun`, {});
    await waitFor("it is the first", async () => (await firstLog(page)) === `Log of build ${id}`);
    await server.api("POST", `builds/${id}:cancel`, {});
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/builds?*limit=60*", (route) => held.then(() => route.continue()));
    const asked = page.waitForRequest("**/builds?*limit=60*");
    await page.mouse.wheel(0, 600);
    await asked;
    expectEqual(await firstLog(page), `Log of build ${id}`, "the first row");
    expectEqual(await logs(page).count(), 20, "rows");
    release();
    await page.unrouteAll({ behavior: "wait" });
  });
  await check("builds: on another page new ones are a button", async () => {
    await button(page, "Next").click();
    await waitFor("the next page", () => param(page, "cursor"));
    const next = await server.api("POST", `builds/${done.id}:rerun`, {});
    await button(page, "1 new build").click();
    await waitFor("it is the first", async () => (await firstLog(page)) === `Log of build ${next.id}`);
    await server.api("POST", `builds/${next.id}:cancel`, {});
    await page.setViewportSize({ width: 1280, height: 850 });
  });
}

async function running(page, server, gate) {
  await check("builds: the top bar counts those that run, and leads to them", async () => {
    const indicator = (name) => page.locator(".topbar").getByRole("link", { name, exact: true });
    await page.goto(`${server.url}/builds`);
    await indicator("No build is running").waitFor();
    await drain(server, false);
    await start(server, "queue/slow", `FROM alpine\nRUN ${gate.pass}\n`, ["linux/amd64"]);
    await indicator("1 build is running").click();
    await waitFor("the filter", () => param(page, "status") === "BUILDING");
    await table(page).getByText("queue/slow").waitFor();
    gate.open();
    await server.built("queue/slow");
    await indicator("No build is running").waitFor();
    await page.getByText("No build matches").waitFor();
  });
}

async function viewer(browser, server) {
  await check("builds: who may only see is offered no change, and no other's builds", async () => {
    await server.api("POST", "users", { name: "queue-viewer", password: "queue-viewer-password" });
    await server.api("PUT", "namespaces/queue/members/queue-viewer", { role: "view" });
    const page = await browser.page();
    await signIn(page, server.url, `/builds?repository=${encodeURIComponent(OTHER)}`, "queue-viewer", "queue-viewer-password");
    await logs(page).first().waitFor();
    expectEqual(await page.getByRole("button", { name: /^(Retry|Cancel) build/ }).count(), 0, "buttons");
    await server.api("PUT", "namespaces/queue/members/queue-viewer", { role: "develop" });
    await page.reload();
    await page.getByRole("button", { name: /^Retry build/ }).first().waitFor();
    expectEqual(page.faults, [], "faults");
    await page.context().close();
  });
}

async function looks(browser, state) {
  const pages = { "builds-all": "/builds", "builds-filtered": "/builds?status=FAILED&rule=crbr-0000000000000000", "builds-queue": "/builds?view=queue" };
  await lookAtPages(browser, state, pages);
}

export async function queue(browser, server) {
  const gate = await new Gate().start();
  let done;
  await step("builds: there are some", async () => {
    done = await fill(server);
  });
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  await filters(page, server);
  await retry(page, server);
  await looks(browser, state);
  await waiting(page, server);
  await turns(page, server, done);
  await news(page, server, done);
  await running(page, server, gate);
  await check("builds: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  await viewer(browser, server);
  gate.close();
}
