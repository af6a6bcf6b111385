// Schedules by mouse: made with their next runs in view, switched off and on, changed, run, and their end.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { button, lookAtPages } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "clock/app";
const ID = encodeURIComponent(NAME);
const AT = `/repositories/${NAME}/-/triggers`;

const exec = promisify(execFile);
const section = (page) => page.getByRole("region", { name: "Schedules", exact: true });
const row = (page, text) => section(page).locator("tbody tr:not(.below)", { hasText: text });
const stored = async (server) => (await server.api("GET", `repositories/${ID}/schedules`)).items;

async function choose(page, place, label, option) {
  await place.getByLabel(label, { exact: true }).click();
  await page.locator(".ant-select-dropdown:visible .ant-select-item-option", { hasText: option }).first().click();
}

async function fill(server) {
  await server.api("POST", "namespaces", { name: "clock" });
  await server.api("POST", "repositories", { namespace: "clock", name: "app" });
  await server.api("PUT", `repositories/${ID}/source`, { provider: "KILN", autoBuild: false });
}

async function rules(server) {
  const make = (rule) => server.api("POST", `repositories/${ID}/rules`, rule);
  const main = await make({ pattern: "main", imageTags: ["main"], platforms: ["linux/amd64"] });
  await make({ pattern: "release-(?<v>.+)", match: "expression", imageTags: ["${v}"], platforms: ["linux/amd64"] });
  const gone = await make({ pattern: "gone", imageTags: ["gone"], platforms: ["linux/amd64"] });
  await server.push(NAME, { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" }, "main", "release-1");
  return { main, gone };
}

async function make(page, server) {
  await check("schedules: without a rule there is the way to one", async () => {
    await page.goto(server.url + AT);
    await section(page).getByText("A schedule builds by a rule, and there is none yet.").waitFor();
    expect(await button(section(page), "Add schedule").isDisabled(), "one can be added");
  });
  const { main, gone } = await rules(server);
  await page.goto(server.url + AT);
  await section(page).getByText("Nothing is built by the clock").waitFor();
  await check("schedules: the next runs are in view while one types, or what is wrong", async () => {
    await button(section(page), "Add schedule").click();
    const dialog = page.getByRole("dialog", { name: "Add schedule" });
    const when = dialog.getByRole("combobox", { name: "When" });
    await when.fill("30 25 * * 1");
    await dialog.getByText("field 2 (hour), character 4", { exact: false }).waitFor();
    await when.fill("30 3 * * 1-5");
    await dialog.getByText("Every Monday, Tuesday, Wednesday, Thursday, and Friday at 03:30").waitFor();
    await waitFor("five runs", async () => (await dialog.locator("ol time").count()) === 5);
    expect((await dialog.locator("ol time").first().innerText()).includes("03:30 AM UTC"), "the first run");
    await page.keyboard.press("Tab");
    await choose(page, dialog, "Time zone", "UTC");
  });
  await check("schedules: a rule with an expression asks for a branch, and what is refused says why", async () => {
    const dialog = page.getByRole("dialog", { name: "Add schedule" });
    expectEqual(await dialog.getByLabel("Branch").count(), 0, "a field for a branch");
    await choose(page, dialog, "Build rule", "release-");
    await dialog.getByLabel("Branch").fill("main");
    await page.keyboard.press("Tab");
    await button(dialog, "Add schedule").click();
    await dialog.getByText("RULE_NO_MATCH", { exact: true }).waitFor();
    await dialog.getByLabel("Branch").fill("release-1");
    await page.keyboard.press("Tab");
    await dialog.getByText("Without cache: run every step again").click();
    await button(dialog, "Add schedule").click();
    await dialog.waitFor({ state: "detached" });
    await row(page, "release-1").getByText("without cache").waitFor();
    const [made] = await stored(server);
    expectEqual([made.ref, made.cron, made.timeZone, made.noCache], ["refs/heads/release-1", "30 3 * * 1-5", "UTC", true], "what is stored");
  });
  const add = (rule) => server.api("POST", `repositories/${ID}/schedules`, { ruleId: rule.id, cron: "@hourly" });
  return [await add(main), await add(gone)];
}

async function change(page, server) {
  const [schedule] = await stored(server);
  await check("schedules: which one is changed is in the address", async () => {
    await page.goto(server.url + AT);
    await page.getByRole("button", { name: "Edit schedule 30 3 * * 1-5" }).click();
    await page.waitForURL(`**${AT}?schedule=${schedule.id}`);
    await page.reload();
    const dialog = page.getByRole("dialog", { name: "Edit schedule" });
    await dialog.getByRole("combobox", { name: "When" }).fill("0 4 * * *");
    await dialog.getByText("Every day at 04:00").waitFor();
    await button(dialog, "Save").click();
    await dialog.waitFor({ state: "detached" });
    await page.waitForURL(`**${AT}`);
    await row(page, "release-1").getByText("Every day at 04:00").waitFor();
  });
  await check("schedules: one that is switched off has no next run", async () => {
    const on = page.getByRole("switch", { name: "Schedule 0 4 * * * is on" });
    await on.click();
    await waitFor("it is off", async () => (await on.getAttribute("aria-checked")) === "false");
    expectEqual((await stored(server))[0].nextRuns, [], "next runs");
    expectEqual(await row(page, "release-1").locator("td").nth(3).innerText(), "–", "the next run");
    await on.click();
    await waitFor("it is on", async () => (await stored(server))[0].nextRuns.length === 5);
  });
}

/** All that is switched on is due when the server comes back. */
async function run(server, [first]) {
  await server.stop();
  const sql = "UPDATE build_schedule SET next_run_ns = 1 WHERE cron = '@hourly'";
  const script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()";
  await exec("python3", ["-c", script, join(server.work, "data/kiln.db"), sql]);
  await server.start();
  await waitFor("both ran", async () => (await stored(server)).filter(({ lastRun }) => lastRun).length === 2);
  await server.built(NAME);
  return (await stored(server)).find(({ id }) => id === first.id).lastBuild;
}

async function ran(page, server, build) {
  await check("schedules: the last run leads to its build, or says why there is none", async () => {
    await page.goto(server.url + AT);
    await row(page, "gone").getByText("Not started").waitFor();
    await section(page).locator("tr.below").getByText("SRC_REF_GONE", { exact: true }).waitFor();
    await row(page, "main").getByRole("link", { name: `Build ${build.id.slice(0, 8)}` }).click();
    await page.waitForURL(`**/builds/${build.id}*`);
    await page.getByText("the schedule @hourly UTC").waitFor();
  });
  await check("schedules: lists of builds show what a schedule started, and that alone", async () => {
    for (const where of [`/repositories/${NAME}/-/build`, "/builds"]) {
      await page.goto(server.url + where);
      await choose(page, page, "Started by", "Schedule");
      await page.waitForURL("**?trigger=SCHEDULE");
      await waitFor("one build", async () => (await page.getByRole("link", { name: /^Log of build/ }).count()) === 1);
      await page.getByText("By the schedule @hourly UTC").waitFor();
      await choose(page, page, "Started by", "Push");
      await waitFor("no such build here", async () => (await page.getByText("By the schedule").count()) === 0);
    }
  });
}

async function remove(page, server) {
  await check("schedules: the end of one is asked for", async () => {
    await page.goto(server.url + AT);
    await page.getByRole("button", { name: "Delete schedule 0 4 * * *" }).click();
    await button(page.getByRole("dialog", { name: "Delete the schedule 0 4 * * *?" }), "Delete").click();
    await row(page, "release-1").waitFor({ state: "detached" });
    expectEqual((await stored(server)).length, 2, "schedules");
  });
}

export async function schedules(browser, server) {
  await step("schedules: there is code", () => fill(server));
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  const made = await make(page, server);
  await change(page, server);
  let build;
  await page.goto("about:blank");
  await step("schedules: two are due", async () => {
    build = await run(server, made);
  });
  await ran(page, server, build);
  await lookAtPages(browser, state, { schedules: AT, "schedules-edit": `${AT}?schedule=${(await stored(server))[0].id}` });
  await remove(page, server);
  await check("schedules: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
}
