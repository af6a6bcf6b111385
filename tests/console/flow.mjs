// The seed's flow by mouse, from an empty instance to an image that runs, and what its users miss.
import { check, step, expect, expectEqual, waitFor } from "./check.mjs";
import { button, clipboard, settled } from "./browser.mjs";
import { PASSWORD } from "./server.mjs";

export const NAME = "test/golang-test";
export const AT = "/repositories/test/golang-test/-";
/** Something of all that Markdown has, wider than a narrow screen. */
export const DESCRIPTION = `# Which machine am I?

Says on which **architecture** it runs, ~~or~~ *and* nothing else. See [the program](https://example.org/uname) or https://example.org/.

### Use

1. Get it:

   \`\`\`sh
   docker run --rm --platform linux/arm64 registry.example.org/test/golang-test:main cat /arch # a line that is longer than a phone is wide
   \`\`\`

2. Read what \`uname -m\` said.
   - It is one word,
   - and a line's end.

> Emulated ones say what they are emulated as.

| Platform | Says | Since | Built by | Remark |
|---|:-:|--:|---|---|
| linux/amd64 | \`x86_64\` | 1 | native workers | the first of them all |
| linux/arm64 | \`aarch64\` | 1 | native-workers-and-emulation | |

---

![A screenshot](https://example.org/shot.png) <b>bold</b>
`;
const DOCKERFILE = "FROM alpine\nARG SLEEP=0\nRUN sleep $SLEEP && uname -m > /arch\nCMD [\"cat\", \"/arch\"]\n";

export async function signIn(page, url, path = "/", user = "admin", password = PASSWORD) {
  await page.goto(url + path);
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function signInChecks(page, server) {
  await step("sign-in: who only looks at the page has no error in the console", async () => {
    await page.goto(`${server.url}/repositories?q=x`);
    await page.getByLabel("User").waitFor();
    await page.waitForLoadState("networkidle");
    expectEqual(page.notLoaded, [], "requests that failed");
  });
  await step("sign-in: a wrong password has one text", async () => {
    for (const user of ["admin", "nobody"]) {
      await page.getByLabel("User").fill(user);
      await page.getByLabel("Password", { exact: true }).fill("wrong-password");
      await button(page, "Sign in").click();
      await page.getByText("The user or the password is wrong.").waitFor();
    }
  });
  await step("sign-in: goes on where one was", async () => {
    await signIn(page, server.url, "/repositories?q=x");
    await page.getByRole("heading", { name: "Repositories", level: 1 }).waitFor();
    expect(page.url().endsWith("/repositories?q=x"), page.url());
  });
}

/** `place` shows DESCRIPTION, whose first heading is of this level. */
async function rendered(place, level) {
  await place.getByRole("heading", { name: "Which machine am I?", level }).waitFor();
  await place.getByRole("heading", { name: "Use", level: level + 1 }).waitFor();
  await place.getByRole("table").getByRole("columnheader", { name: "Remark" }).waitFor();
  await place.getByText("<b>bold</b>").waitFor();
  for (const [name, address] of [["the program", "https://example.org/uname"], ["A screenshot", "https://example.org/shot.png"]]) {
    const link = place.getByRole("link", { name });
    const found = await link.evaluate((a) => [a.href, a.target, ...["noopener", "noreferrer"].map((word) => a.relList.contains(word))]);
    expectEqual(found, [address, "_blank", true, true], name);
  }
  const boxes = place.getByRole("group");
  expectEqual(await boxes.evaluateAll((all) => all.map((box) => [box.ariaLabel, box.tabIndex])), [["Code", 0], ["Table", 0]], "what scrolls");
}

async function createRepository(page, server) {
  await step("create repository: Repository Info, with a namespace made on the way", async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole("link", { name: "Instances" }).click();
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Repositories" }).click();
    await button(page, "Create Repository").click();
    await button(page, "Create namespace").click();
    await page.getByLabel("Name of the namespace").fill("test");
    await button(page, "Create").click();
    await page.getByLabel("Name of the namespace").waitFor({ state: "detached" });
    await page.getByLabel("Repository Name").fill("golang-test");
    await page.getByText(`The image's address: ${server.host}/test/golang-test`).waitFor();
    await page.getByRole("radio", { name: "Public" }).check();
    await page.getByLabel("Summary").fill("Says which architecture it runs on");
  });
  await step("create repository: a description has at most 16 KiB", async () => {
    const field = page.getByRole("textbox", { name: "Description" });
    await page.getByText("Markdown, 0 of 16,384 bytes").waitFor();
    await field.fill(`${"é".repeat(8192)}x`);
    await page.getByText("Markdown, 16,385 of 16,384 bytes").waitFor();
    await button(page, "Next").click();
    await page.getByText("At most 16,384 bytes.").waitFor();
    await field.fill("é".repeat(8192));
    await page.getByText("At most 16,384 bytes.").waitFor({ state: "detached" });
  });
  await step("create repository: the description is looked at before it is there, by keyboard", async () => {
    const field = page.getByRole("textbox", { name: "Description" });
    const preview = page.getByRole("tabpanel", { name: "Preview" });
    await field.fill(" ");
    await page.getByRole("tab", { name: "Write" }).press("ArrowRight");
    await preview.getByText("There is nothing to preview").waitFor();
    await page.keyboard.press("ArrowLeft");
    await field.fill(DESCRIPTION);
    await page.getByRole("tab", { name: "Write" }).focus();
    await page.keyboard.press("ArrowLeft");
    await rendered(preview, 2);
    expect(page.url().endsWith("?description=preview"), page.url());
    await page.getByRole("tab", { name: "Preview", selected: true }).press("ArrowRight");
    expectEqual(await field.inputValue(), DESCRIPTION, "what was written");
    await button(page, "Next").click();
  });
  await step("create repository: a reload keeps what was typed", async () => {
    await page.reload();
    await page.getByText("Build Settings").waitFor();
    await button(page, "Back").click();
    expectEqual(await page.getByLabel("Repository Name").inputValue(), "golang-test", "the name");
    await button(page, "Next").click();
  });
  await step("create repository: Code Source, kiln's own Git remote", async () => {
    await page.getByRole("radio", { name: "kiln's own Git remote" }).check();
    expect(await page.getByLabel("Automatically Build Images When Code Changes").isChecked(), "builds are not automatic");
    await page.getByLabel("Add a first build rule").uncheck();
    await button(page, "Create Repository").click();
    await page.getByText(`The repository ${NAME} is there.`).waitFor();
    await page.getByText(`/git/${NAME}.git`).waitFor();
    await button(page, "Open the repository").click();
    await page.getByRole("heading", { name: "Build", level: 1 }).waitFor();
  });
  await step("a repository without code source has no Build in its navigation", async () => {
    await server.api("POST", "repositories", { namespace: "test", name: "pushed", summary: "Pushed only" });
    await page.goto(`${server.url}/repositories`);
    await page.getByRole("link", { name: "Manage test/pushed" }).click();
    const nav = page.getByRole("navigation", { name: "Repository test/pushed" });
    await nav.getByRole("link", { name: "Image Version" }).waitFor();
    expectEqual(await nav.getByRole("link", { name: "Build" }).count(), 0, "links to Build");
  });
}

async function addRule(page, server) {
  await step("add build rule: three steps", async () => {
    await page.goto(`${server.url}${AT}/build`);
    await button(page, "Add Build Rule").click();
    await page.getByRole("combobox", { name: "Branch/Tag" }).fill("main");
    await button(page, "Next").click();
    await page.getByLabel("Image Version", { exact: true }).fill("main");
    await button(page, "Save").click();
    await button(page, "Next").click();
    expect(await page.getByLabel("linux/amd64").isChecked(), "amd64 is not the default");
    await page.getByLabel("linux/arm64").check();
    await button(page, "Add parameter").click();
    await page.getByLabel("Key of parameter 1").fill("SLEEP");
    await page.getByLabel("Value of parameter 1").fill("0");
    await button(page, "Confirm").click();
    await page.getByRole("table", { name: "Build Rules" }).getByText("linux/arm64").waitFor();
  });
  await step("a push builds, and Build Log shows it without a reload", async () => {
    const log = page.getByRole("region", { name: "Build Log" });
    await log.getByText("No builds yet").waitFor();
    await server.push(NAME, { Dockerfile: DOCKERFILE }, "main");
    await log.getByText("2 architectures published").waitFor();
    await log.getByText("Push by admin").waitFor();
  });
  await step("Image Version lists a digest for each architecture", async () => {
    await page.getByRole("navigation", { name: `Repository ${NAME}` }).getByRole("link", { name: "Image Version" }).click();
    await button(page, "Digests of main").click();
    const digests = page.getByRole("table", { name: "Digests of main" });
    await digests.getByText("linux/amd64").waitFor();
    await digests.getByText("linux/arm64").waitFor();
    expect(page.url().endsWith("?tag=main"), page.url());
  });
  await step("the image runs on both architectures", async () => {
    const image = `${server.host}/${NAME}:main`;
    for (const [platform, machine] of [["linux/amd64", "x86_64"], ["linux/arm64", "aarch64"]]) {
      const { stdout } = await server.run("run", "--data", `${server.work}/pull`, "--platform", platform, image);
      expectEqual(stdout.trim(), machine, platform);
    }
  });
}

async function byHand(page, server) {
  await step("Build starts a build by hand", async () => {
    const before = (await server.newest(NAME)).id;
    await page.goto(`${server.url}${AT}/build`);
    await button(page, "Build rule main").click();
    await page.waitForURL("**/-/builds/*");
    const build = await server.built(NAME);
    expect(build.id !== before && build.status === "SUCCESS" && build.trigger !== "PUSH", JSON.stringify(build));
  });
  await step("preview: groups and tag of a branch that is typed", async () => {
    await page.goto(`${server.url}${AT}/build/rules/new`);
    await page.getByRole("combobox", { name: "Branch/Tag" }).fill("release-(?<imageTag>\\w*)");
    await button(page, "Use it as one").click();
    await button(page, "Next").click();
    await page.getByLabel("Image Version", { exact: true }).fill("");
    await button(page, "Add ${imageTag}").click();
    await page.getByLabel("Commit ID").check();
    await page.getByLabel("If this branch is pushed:").fill("release-v7");
    const preview = page.getByRole("complementary", { name: "Preview" });
    await preview.getByText("Matches", { exact: true }).waitFor();
    await preview.getByRole("cell", { name: "v7" }).waitFor();
    await preview.getByText(/^v7-[0-9a-f]{6}$/).waitFor();
    await preview.getByText("1 ref does not match").waitFor();
    await button(page, "Next").click();
    await button(page, "Confirm").click();
    await page.getByRole("table", { name: "Build Rules" }).getByText("regex").waitFor();
  });
  await step("a tag that another rule writes too is warned of, in the preview and beside both rules, until one is off", async () => {
    await page.goto(`${server.url}${AT}/build/rules/new`);
    const preview = page.getByRole("complementary", { name: "Preview" });
    await page.getByRole("combobox", { name: "Branch/Tag" }).fill("mai.*");
    await button(page, "Use it as one").click();
    await preview.getByText("latest", { exact: true }).first().waitFor();
    expectEqual(await preview.getByText("Another rule writes the same tag").count(), 0, "warnings of a tag of its own");
    await button(page, "Next").click();
    await page.getByLabel("Image Version", { exact: true }).fill("main");
    await page.getByLabel("Commit ID").check();
    await page.getByRole("slider", { name: "Length of the commit ID" }).press("End");
    await preview.getByText(/^main-[0-9a-f]{40}$/).first().waitFor();
    await page.getByRole("checkbox", { name: "Commit ID" }).uncheck();
    await preview.getByText("Another rule writes the same tag").waitFor();
    await preview.getByText("main → main: rule main").waitFor();
    await button(page, "Next").click();
    await button(page, "Confirm").click();
    const rules = page.getByRole("table", { name: "Build Rules" });
    const flag = (rule) => rules.getByText(`A push of main writes the tag main by rule ${rule} too`);
    await flag("main").waitFor();
    await flag("mai.*").waitFor();
    await page.getByRole("switch", { name: "Rule mai.* is on" }).click();
    await flag("main").waitFor({ state: "detached" });
    await flag("mai.*").waitFor({ state: "detached" });
    await rules.getByRole("button", { name: "Delete rule mai.*" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await button(page, "Delete rule mai.*").waitFor({ state: "detached" });
  });
  await step("preview: a fault of the expression is shown at its place", async () => {
    await page.goto(`${server.url}${AT}/build/rules/new`);
    await page.getByRole("radio", { name: "Regular expression" }).check();
    await page.getByRole("combobox", { name: "Branch/Tag" }).fill("release-(");
    await page.getByText("RULE_REGEX").waitFor();
    await page.locator(".caret").waitFor();
    await button(page, "Discard").click();
  });
  await step("a rule with an expression says why Build is off, and builds a ref that is picked", async () => {
    await server.push(NAME, { Dockerfile: DOCKERFILE }, "release-v8");
    await server.built(NAME);
    await page.goto(`${server.url}${AT}/build`);
    const name = "release-(?<imageTag>\\w*)";
    expect(await button(page, `Build rule ${name}`).isDisabled(), "Build is not disabled");
    await page.getByText("Build is off: with an expression only a push says which ref to build.").waitFor();
    await button(page, `Build a ref by rule ${name}`).click();
    await page.getByRole("combobox", { name: "Branch" }).fill("release-v8");
    await page.getByText("Will write:").waitFor();
    await button(page, "Build").click();
    await page.waitForURL("**/-/builds/*");
    const build = await server.built(NAME);
    expect(build.ref === "refs/heads/release-v8" && build.tags[0].startsWith("v8-"), JSON.stringify(build));
  });
  await step("Cancel ends a running build", async () => {
    const rules = await server.api("GET", "repositories/test%2Fgolang-test/rules");
    const main = rules.items.find((rule) => rule.pattern === "main");
    await server.api("PATCH", `repositories/test%2Fgolang-test/rules/${main.id}`, { buildArgs: [{ name: "SLEEP", value: "300" }] });
    const build = await server.api("POST", `repositories/test%2Fgolang-test/rules/${main.id}:build`, {});
    await page.goto(`${server.url}${AT}/build`);
    await button(page, `Cancel build ${build.id}`).click();
    await page.getByText("Canceled by admin").waitFor();
  });
}

async function description(page, server) {
  const region = page.getByRole("region", { name: "Description" });
  await step("Details: the description is rendered", async () => {
    await page.goto(`${server.url}${AT}/info`);
    await rendered(region, 3);
  });
  await step("Details: where the script for it does not come, the description is there as it was written", async () => {
    await page.route("**/assets/render-*.js", (route) => route.abort());
    await page.reload();
    await settled(page);
    expectEqual(await region.locator("p").innerText(), DESCRIPTION, "the text");
    await page.unroute("**/assets/render-*.js");
  });
  await step("Settings: the description is previewed", async () => {
    await page.goto(`${server.url}${AT}/settings?description=preview`);
    await rendered(page.getByRole("tabpanel", { name: "Preview" }), 3);
    await page.getByRole("tab", { name: "Write" }).click();
    expectEqual(await page.getByRole("textbox", { name: "Description" }).inputValue(), DESCRIPTION, "the field");
  });
}

async function versions(page, server) {
  await step("Image Version: another tag for the same image, and its end", async () => {
    await page.goto(`${server.url}${AT}/versions`);
    await button(page, "Add a tag to main").click();
    await page.getByLabel("New tag").fill("stable");
    await button(page, "Add a tag").click();
    const stable = page.getByRole("link", { name: "stable", exact: true });
    await stable.waitFor();
    await button(page, "Delete stable").click();
    await button(page, "Delete").click();
    await stable.waitFor({ state: "detached" });
  });
  await step("a digest is copied, and that is announced", async () => {
    await page.getByRole("button", { name: "Copy digest" }).first().click();
    await waitFor("it is announced", async () => (await page.locator("[role=status].visually-hidden").textContent()).includes("Copied"));
    const copied = await clipboard(page);
    expect(/^sha256:[0-9a-f]{64}$/.test(copied), copied);
  });
  await step("Settings: the summary is changed", async () => {
    await page.goto(`${server.url}${AT}/settings`);
    await page.getByLabel("Summary").fill("Changed");
    await page.getByRole("region", { name: "Repository Info" }).getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).first().waitFor();
    expectEqual((await server.api("GET", "repositories/test%2Fgolang-test")).summary, "Changed", "summary");
  });
}

export async function flow(browser, server) {
  const page = await browser.page();
  await signInChecks(page, server);
  await createRepository(page, server);
  await addRule(page, server);
  await byHand(page, server);
  await description(page, server);
  await versions(page, server);
  await check("flow: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await settled(page);
  await page.context().close();
}
