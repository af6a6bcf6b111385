// Insights of known builds: numbers, charts and their tables, days in the address, files, rights, an empty repository.
import { readFileSync } from "node:fs";
import { lookAtPages } from "./browser.mjs";
import { start } from "./builds.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "insights/app";
const HOSTILE = "insights/other";
const EMPTY = "insights/empty";
const AT = `/repositories/${NAME}/-/insights`;
const STEP = 'RUN sleep 1 && echo "=1+1, <b>x</b>"';

const fact = (page, name) => page.locator(".in-facts > div").filter({ has: page.getByText(name, { exact: true }) }).locator("dd").innerText();
const rows = (page, name) => page.getByRole("table", { name, exact: true }).locator("tbody tr");
const cells = async (page, name, at = 0) => (await rows(page, name).nth(at).locator("td").allInnerTexts()).map((text) => text.trim());
const opened = (page, name) => page.getByRole("region", { name, exact: true }).getByText("Show as table").click();

/** Two that succeed, the second from the cache, one that fails, one that is canceled. */
async function fill(server) {
  await start(server, NAME, `FROM alpine\n${STEP}\n`, ["linux/amd64"]);
  const { id } = await server.built(NAME);
  await server.api("POST", `builds/${id}:rerun`, {});
  await server.built(NAME);
  await server.push(NAME, { Dockerfile: "FROM alpine\nRUN exit 3\n" }, "main");
  await server.built(NAME);
  await server.push(NAME, { Dockerfile: "FROM alpine\nRUN sleep 100\n" }, "main");
  await waitFor("it runs", async () => (await server.newest(NAME)).status === "BUILDING");
  await server.api("POST", `builds/${(await server.newest(NAME)).id}:cancel`, {});
  await server.built(NAME);
  await start(server, HOSTILE, "FROM scratch\nCOPY missing /\n", ["linux/amd64"]);
  await server.built(HOSTILE);
  await server.api("POST", "repositories", { namespace: "insights", name: "empty" });
}

async function save(page, name) {
  const file = page.waitForEvent("download");
  await page.getByRole("button", { name: `Download “${name}” as CSV` }).click();
  const download = await file;
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
}

async function ofRepository(page, server) {
  await check("insights: of a repository, by its navigation", async () => {
    await page.goto(`${server.url}/repositories/${NAME}/-/info`);
    await page.getByRole("navigation", { name: `Repository ${NAME}` }).getByRole("link", { name: "Insights" }).click();
    await page.waitForURL(`**${AT}`);
    await page.locator(".in-facts").first().waitFor();
    expectEqual([await fact(page, "Builds"), await fact(page, "Success rate"), await fact(page, "Steps from the cache")], ["4", "66.6%", "50%"], "the numbers");
    expect(/^about \d/.test(await fact(page, "Work that the cache saved")), "what was saved");
  });
  await check("insights: bars, and the same as a table", async () => {
    const names = await page.getByRole("img", { name: "Builds by day" }).locator("g > title").allTextContents();
    expectEqual(names.length <= 2 && names.join().match(/(Succeeded|Failed|Canceled) \d/g), ["Succeeded 2", "Failed 1", "Canceled 1"], "the bars");
    await opened(page, "Builds by day");
    expectEqual(await rows(page, "Builds by day").count(), 30, "days");
    expectEqual((await cells(page, "Builds by day", 29)).slice(1), ["2", "1", "1", "0"], "today");
    await opened(page, "Duration by day");
    const [, measured, median] = await cells(page, "Duration by day", 29);
    expect(measured === "2" && /^\d.* s$/.test(median), `${measured} ${median}`);
  });
  await check("insights: waits, steps, rules", async () => {
    expectEqual((await cells(page, "Wait for a worker")).slice(0, 2), ["linux/amd64", "4"], "the wait");
    expectEqual((await cells(page, "Steps that took most time"))[0], STEP, "the step");
    expectEqual(await page.locator("main b").count(), 0, "elements that a step made");
    expectEqual(await cells(page, "Rules that failed"), ["main", "1", "2", "1"], "the rule");
    await rows(page, "Rules that failed").getByRole("link").first().click();
    await page.waitForURL("**/builds?rule=*&status=FAILED");
    await waitFor("the one that failed", async () => (await page.getByRole("link", { name: /^Log of build/ }).count()) === 1);
    await page.goBack();
  });
  await check("insights: the days are in the address", async () => {
    await page.locator(".ant-segmented-item", { hasText: "7 days" }).click();
    await page.waitForURL(`**${AT}?days=7`);
    await opened(page, "Builds by day");
    await waitFor("seven days", async () => (await rows(page, "Builds by day").count()) === 7);
    await page.reload();
    await page.getByRole("radio", { name: "7 days", checked: true }).waitFor({ state: "attached" });
    await page.goto(`${server.url}${AT}?days=31`);
    await page.getByRole("radio", { name: "30 days", checked: true }).waitFor({ state: "attached" });
  });
  await check("insights: files have what the page shows, and no formula", async () => {
    await page.goto(`${server.url}${AT}?days=7`);
    const days = await save(page, "Builds by day");
    const lines = days.text.trimEnd().split("\r\n");
    expect(/^kiln-insights-days-\d{4}-\d\d-\d\d\.csv$/.test(days.name), days.name);
    expectEqual([lines.length, lines[0]], [8, "day,pending,building,success,failed,canceled,measured,median_ms,p95_ms"], "the file");
    const { days: told } = await server.api("GET", `insights?days=7&repository=${encodeURIComponent(NAME)}`);
    expectEqual(lines.slice(1).map((line) => line.split(",")[0]), told.map(({ day }) => day), "days");
    expect(/,0,0,2,1,1,2,\d+,\d+$/m.test(days.text.replaceAll("\r", "")), days.text);
    const steps = await save(page, "Steps that took most time");
    expect(steps.text.includes(`${NAME},"${STEP.replaceAll('"', '""')}",1,1,`), steps.text);
  });
}

async function ofAll(page, server) {
  await check("insights: of all repositories, by the navigation", async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Insights" }).click();
    await page.waitForURL("**/insights");
    const failed = page.getByRole("table", { name: "Rules that failed" });
    await failed.getByRole("link", { name: HOSTILE }).waitFor();
    await page.getByRole("table", { name: "Storage now" }).getByRole("link", { name: NAME }).waitFor();
    expect(/^[\d.]+×$/.test(await fact(page, "Shared")), "how often a layer is shared");
    await failed.getByRole("link", { name: HOSTILE }).click();
    await page.waitForURL(`**/repositories/${HOSTILE}/-/insights`);
    await waitFor("one build", async () => (await fact(page, "Builds")) === "1");
    await page.getByText("No build succeeded in these days.").waitFor();
  });
  await check("insights: where nothing was built", async () => {
    await page.goto(`${server.url}/repositories/${EMPTY}/-/insights`);
    await page.getByText("No builds in these days").waitFor();
    await page.getByText("Nothing is stored yet.").waitFor();
    expectEqual(await page.locator(".chart").count(), 0, "charts");
  });
  await check("insights: what the server refuses is told with its remedy, and tried again", async () => {
    const problem = { type: "about:blank", title: "Refused", status: 503, code: "BUSY", detail: "It is busy.", remedy: "Wait a little." };
    await page.route("**/api/v1/insights*", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) }));
    await page.goto(`${server.url}${AT}`);
    await page.locator(".problem", { hasText: "Wait a little." }).getByText("BUSY", { exact: true }).waitFor();
    await page.unroute("**/api/v1/insights*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".in-facts").first().waitFor();
  });
}

async function rights(browser, server) {
  await check("insights: who may see nothing of it sees none of it", async () => {
    await server.api("POST", "users", { name: "insights-none", password: "insights-none-password" });
    const page = await browser.page();
    await signIn(page, server.url, "/insights", "insights-none", "insights-none-password");
    await page.getByRole("heading", { name: "Insights", level: 1 }).waitFor();
    await page.locator(".toolbar + .section").waitFor();
    expectEqual(await page.getByText("insights/").count(), 0, "names of others");
    await page.goto(`${server.url}${AT}`);
    await page.getByRole("heading", { name: "There is no such repository" }).waitFor();
    await server.api("PUT", "namespaces/insights/members/insights-none", { role: "view" });
    await page.goto(`${server.url}${AT}`);
    await waitFor("four builds", async () => (await fact(page, "Builds")) === "4");
    await page.context().close();
  });
}

export async function insights(browser, server) {
  await step("insights: there are builds", () => fill(server));
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  await ofRepository(page, server);
  await ofAll(page, server);
  await check("insights: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  await rights(browser, server);
  const pages = { insights: "/insights?days=7", "insights-one": AT, "insights-empty": `/repositories/${EMPTY}/-/insights?days=90` };
  // The tables are looked at too.
  const open = async (page) => {
    for (const table of await page.locator("details > summary").all()) await table.click();
    await page.evaluate(() => scrollTo(0, 0));
  };
  await lookAtPages(browser, state, pages, { open });
}
