// Base images by mouse: a rule that rebuilds on them, a base that moves, what is told of it on three pages.
import { button, lookAtPages } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "stand/app";
const ID = encodeURIComponent(NAME);
const BASE = "stand/base";
const AT = `/repositories/${NAME}/-`;
const TRIGGERS = `${AT}/triggers`;

const section = (page) => page.getByRole("region", { name: "Base images", exact: true });
const stored = async (server) => (await server.api("GET", `repositories/${ID}/bases`)).items;

async function make(server, name) {
  await server.api("POST", "repositories", { namespace: "stand", name: name.split("/")[1] });
  await server.api("PUT", `repositories/${encodeURIComponent(name)}/source`, { provider: "KILN" });
  return server.api("POST", `repositories/${encodeURIComponent(name)}/rules`, { pattern: "main", imageTags: ["main"], platforms: ["linux/amd64"] });
}

/** The base is built, and its tag leads to the new image. */
async function moveBase(server, text) {
  await server.push(BASE, { Dockerfile: `FROM scratch\nCOPY Dockerfile /base\n# ${text}\n` }, "main");
  const build = await server.built(BASE);
  expectEqual(build.status, "SUCCESS", "the build of the base");
}

async function known(page, server, rule) {
  await check("bases: none is known before a build succeeded", async () => {
    await page.goto(server.url + TRIGGERS);
    await section(page).getByText("No base image is known yet").waitFor();
    expect(await button(section(page), "Check now").isDisabled(), "it can be asked for nothing");
  });
  await server.push(NAME, { Dockerfile: `FROM ${server.host}/${BASE}:main\nCOPY Dockerfile /app\n` }, "main");
  const first = await server.built(NAME);
  expectEqual(first.status, "SUCCESS", "the first build");
  await check("bases: a rule rebuilds on them once its box is ticked", async () => {
    await page.goto(`${server.url}${AT}/build/rules/${rule.id}/edit?step=3`);
    await page.getByRole("checkbox", { name: "Rebuild when a base image changes" }).check();
    await button(page, "Confirm").click();
    await page.getByText("Rebuilt when a base image changes").waitFor();
    expectEqual((await server.api("GET", `repositories/${ID}/rules/${rule.id}`)).rebuildOnBaseUpdate, true, "what is stored");
  });
  await check("bases: a look says that nothing moved", async () => {
    await page.goto(server.url + TRIGGERS);
    await section(page).getByText("When it moves").waitFor();
    await button(section(page), "Check now").click();
    await section(page).getByText("The same").waitFor();
    expectEqual((await stored(server))[0].rebuild, null, "a rebuild");
  });
  return first;
}

async function moved(page, server, first) {
  let build;
  await check("bases: one that moved starts a build, which is shown", async () => {
    await button(section(page), "Check now").click();
    await section(page).getByText("Newer exists").waitFor();
    ({ build } = (await stored(server))[0].rebuild);
    await server.built(NAME);
    await section(page).getByRole("link", { name: `Build ${build.id.slice(0, 8)}` }).first().click();
    await page.waitForURL(`**/builds/${build.id}*`);
    await page.getByText(`base image: ${server.host}/${BASE}:main moved from sha256:`, { exact: false }).waitFor();
  });
  await check("bases: the older build says that a newer base exists, and the newer one does not", async () => {
    await page.goto(`${server.url}${AT}/builds/${first.id}?view=inputs`);
    await page.getByRole("region", { name: "Base images" }).getByText("Newer exists").waitFor();
    await page.goto(`${server.url}${AT}/builds/${build.id}?view=inputs`);
    await page.getByRole("region", { name: "Base images" }).getByText(`${server.host}/${BASE}:main`).waitFor();
    await waitFor("it is known", async () => (await stored(server))[0].moved === false);
    expectEqual(await page.getByText("Newer exists").count(), 0, "hints");
  });
  await check("bases: lists of builds show what a base image started, and that alone", async () => {
    await page.goto(`${server.url}${AT}/build?trigger=BASE_IMAGE`);
    await page.getByText("Base image: ", { exact: false }).first().waitFor();
    expectEqual(await page.getByRole("link", { name: /^Log of build/ }).count(), 1, "builds");
  });
}

export async function bases(browser, server) {
  let rule;
  await step("bases: there is code", async () => {
    await server.api("POST", "namespaces", { name: "stand" });
    await make(server, BASE);
    rule = await make(server, NAME);
    await moveBase(server, "one");
  });
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  const first = await known(page, server, rule);
  await step("bases: the base moves", () => moveBase(server, "two"));
  await moved(page, server, first);
  await lookAtPages(browser, state, { bases: TRIGGERS, "bases-inputs": `${AT}/builds/${first.id}?view=inputs` });
  await check("bases: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
}
