// Two versions of a repository compared, by mouse against real builds, and what a build says of the one before it.
import { button, HOSTILE, lookAtPages } from "./browser.mjs";
import { pathOf, start, TWO } from "./builds.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "compare/app";
const AT = `/repositories/${NAME}/-`;
const FIRST = `FROM alpine
RUN echo one >/one
ENV KEPT=1 OLD='${HOSTILE}'
RUN echo first >/made
LABEL version="1"
EXPOSE 80
CMD ["cat", "/made"]
`;
const SECOND = `FROM alpine
RUN echo one >/one
ENV KEPT=1 OLD=2
RUN echo '${HOSTILE}' >/made
RUN echo more >/more
LABEL version="2" "<u>note</u>"='${HOSTILE}'
EXPOSE 80 8080
USER nobody
CMD ["cat", "/more"]
`;

const rowsOf = (page, table) => page.getByRole("table", { name: table, exact: true }).locator("tbody tr").allInnerTexts();
const rowWith = (rows, text) => rows.find((row) => row.includes(text)) ?? `no row has ${text}: ${rows.join(" | ")}`;
const path = (page) => decodeURIComponent(new URL(page.url()).pathname);

async function fill(server) {
  await start(server, NAME, FIRST, TWO);
  const first = await server.built(NAME);
  const retag = (name, from) => server.api("PUT", `repositories/${encodeURIComponent(NAME)}/tags/${name}`, { from });
  await retag("one", first.digest);
  await retag("same", first.digest);
  await server.push(NAME, { Dockerfile: SECOND }, "main");
  const second = await waitFor("the second build", async () => {
    const build = await server.built(NAME);
    return build.id !== first.id ? build : null;
  });
  expectEqual([first.status, second.status], ["SUCCESS", "SUCCESS"], "the builds");
  await retag("two", second.digest);
  return { first, second };
}

async function choose(page, server) {
  await check("compare: two rows of Image Version, the older first", async () => {
    await page.goto(`${server.url}${AT}/versions`);
    await page.getByLabel("Choose two to compare").click();
    await page.getByText("Choose one more.").waitFor();
    expect(await button(page, "Compare").isDisabled(), "Compare is not disabled");
    await page.getByLabel("Choose one to compare").click();
    await page.getByText("To compare: two, one").waitFor();
    expect(await page.getByLabel("Choose main to compare").isDisabled(), "a third can be chosen");
    await button(page, "Compare").click();
    await page.getByRole("heading", { name: "Compare versions" }).waitFor();
    expectEqual(path(page), `${AT}/compare/one...two`, "the address");
  });
}

async function differs(page, builds) {
  await check("compare: both versions have their builds, and their platforms' sizes", async () => {
    const table = page.getByRole("table", { name: "Versions", exact: true });
    for (const build of [builds.first, builds.second]) {
      await table.getByRole("link", { name: build.id.slice(0, 8) }).waitFor();
      await table.getByText(build.commit.slice(0, 7)).waitFor();
    }
    const platforms = await rowsOf(page, "Platforms");
    expectEqual(platforms.length, 2, "platforms");
    expect(platforms.every((row) => row.includes("Changed") && row.includes("+")), platforms.join(" | "));
  });
  await check("compare: layers in both, added and removed, with their instructions", async () => {
    const layers = await rowsOf(page, "Layers");
    expect(rowWith(layers, "echo one").includes("In both"), layers.join(" | "));
    expect(rowWith(layers, "echo first").includes("Removed"), layers.join(" | "));
    expect(rowWith(layers, HOSTILE).includes("Added"), layers.join(" | "));
    expect(rowWith(layers, "echo more").includes("Added"), layers.join(" | "));
  });
  await check("compare: what the configurations say differently, and markup in it is text", async () => {
    const rows = await rowsOf(page, "Configuration");
    const has = (...texts) => expect(rows.some((row) => texts.every((text) => row.includes(text))), `${texts}: ${rows.join(" | ")}`);
    has("Command", "Changed", '["cat","/made"]', '["cat","/more"]');
    has("User", "Added", "nobody");
    has("Port", "8080/tcp", "Added");
    has("Environment", "OLD", HOSTILE, "2");
    has("Label", "<u>note</u>", HOSTILE);
    expect(!rows.some((row) => row.includes("KEPT")), "KEPT did not change");
    expectEqual(await page.locator("main img, main u").count(), 0, "elements that are texts");
  });
}

async function walk(page) {
  await check("compare: the other platform is in the address", async () => {
    await page.getByLabel("Platform", { exact: true }).click();
    await page.getByTitle("linux/arm64", { exact: true }).click();
    await waitFor("the platform", () => new URL(page.url()).searchParams.get("platform") === "linux/arm64");
    await page.getByRole("table", { name: "Layers", exact: true }).getByText("echo more").waitFor();
  });
  await check("compare: swapped, what was added is removed", async () => {
    await button(page, "Swap").click();
    await waitFor("the address", () => path(page) === `${AT}/compare/two...one`);
    expectEqual(new URL(page.url()).searchParams.get("platform"), "linux/arm64", "the platform");
    await waitFor("removed", async () => rowWith(await rowsOf(page, "Layers"), "echo more").includes("Removed"));
  });
  await check("compare: another version is chosen; the same image is said to be the same", async () => {
    await page.getByRole("combobox", { name: "From" }).fill("sam");
    await page.locator(".ant-select-item-option", { hasText: "same" }).click();
    await page.getByText("Both are the same image").waitFor();
    expectEqual(path(page), `${AT}/compare/same...one`, "the address");
  });
}

async function reach(page, server, { first, second }) {
  await check("compare: from the page of a version, which is then the second", async () => {
    await page.goto(`${server.url}${AT}/versions/two`);
    await page.getByRole("link", { name: "Compare with…" }).click();
    await page.getByText("Choose two versions").waitFor();
    await page.getByRole("combobox", { name: "From" }).fill(first.digest);
    await page.locator(".ant-select-item-option", { hasText: first.digest.slice(0, 19) }).click();
    await page.getByRole("table", { name: "Layers", exact: true }).waitFor();
    expectEqual(path(page), `${AT}/compare/${first.digest}...two`, "the address");
  });
  await check("build page: Result has the size against the build before, and leads to both images", async () => {
    await page.goto(server.url + pathOf(NAME, second, "?view=result"));
    const part = page.getByRole("region", { name: "Changed since the previous build of this rule" });
    await part.getByRole("link", { name: first.id.slice(0, 8) }).waitFor();
    await part.getByRole("cell", { name: "linux/arm64" }).waitFor();
    await part.getByRole("link", { name: "Compare the two images" }).click();
    await page.getByRole("table", { name: "Layers", exact: true }).getByText("echo more").waitFor();
    expectEqual(path(page), `${AT}/compare/${first.digest}...${second.digest}`, "the address");
    await page.goto(server.url + pathOf(NAME, first, "?view=result"));
    await part.getByText("No earlier build of this rule succeeded").waitFor();
    await part.getByRole("link", { name: "All builds of this rule" }).click();
    await page.getByRole("button", { name: `Only of the rule ${first.ruleId}: remove this filter` }).click();
    await waitFor("without the rule", () => !new URL(page.url()).searchParams.has("rule"));
  });
  await check("build page: History has the builds of the rule before it, and one step through them", async () => {
    await page.goto(server.url + pathOf(NAME, second, "?view=history"));
    const builds = page.getByRole("table", { name: "This build and those of its rule before it" });
    await builds.getByRole("cell", { name: "this one" }).waitFor();
    await page.getByRole("img", { name: "Layers made" }).waitFor();
    await page.getByLabel("Step to follow").selectOption({ index: 0 });
    await waitFor("the step's address", () => new URL(page.url()).searchParams.get("step"));
    const step = page.getByRole("table", { name: "One step in these builds" });
    await waitFor("the step in both", async () => (await step.getByRole("row").count()) === 3);
    await builds.getByRole("link", { name: first.id.slice(0, 8) }).click();
    await waitFor("the build before", () => path(page).endsWith(first.id));
    await waitFor("nothing before it", async () => (await builds.getByRole("row").count()) === 2);
  });
  await check("compare: a version that is not there is a problem with its code", async () => {
    await page.goto(`${server.url}${AT}/compare/one...nowhere`);
    await page.getByText("NOT_FOUND", { exact: true }).waitFor();
  });
}

async function looks(browser, state, { second }) {
  const pages = {
    "compare-two": `${AT}/compare/one...two`,
    "compare-same": `${AT}/compare/one...same`,
    "compare-none": `${AT}/compare/...two`,
    "compare-chosen": `${AT}/versions?compare=one,two`,
    "compare-result": pathOf(NAME, second, "?view=result"),
    "compare-history": pathOf(NAME, second, "?view=history"),
  };
  await lookAtPages(browser, state, pages);
}

export async function compare(browser, server) {
  let builds;
  await step("compare: two versions are built", async () => {
    builds = await fill(server);
  });
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  await choose(page, server);
  await differs(page, builds);
  await walk(page);
  await reach(page, server, builds);
  await check("compare: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  await looks(browser, state, builds);
}
