// The page of a build: why it failed, retry, timeline, Dockerfile, result; axe-core in both themes and languages; cancel.
import { lookAtPages, LOOKS, WIDEST } from "./browser.mjs";
import { Gate, pathOf, start, TWO } from "./builds.mjs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const BROKEN = `FROM --platform=$BUILDPLATFORM alpine AS tools
RUN echo tool >/tool
FROM alpine
ARG TARGETARCH
COPY --from=tools /tool /tool
RUN echo compiling; echo 'main.c:3: error: unknown type' >&2; test $TARGETARCH = amd64 || exit 2
`;
const VIEWS = ["log", "timeline", "dockerfile", "inputs", "result", "history"];

function looks(browser, state, build) {
  const pages = Object.fromEntries(VIEWS.map((view) => [`build-${view}`, pathOf("builds/broken", build, `?view=${view}`)]));
  const open = (page) => page.locator(".build-views").waitFor();
  return lookAtPages(browser, state, pages, { looks: [...LOOKS, WIDEST], open });
}

async function broken(browser, server, page) {
  const build = await start(server, "builds/broken", BROKEN, TWO);
  await server.built("builds/broken");
  await check("build page: says why it failed, and goes to the line", async () => {
    await page.goto(server.url + pathOf("builds/broken", build));
    await page.getByText("linux/arm64 failed at line 6 of the Dockerfile").waitFor();
    await page.getByText("STEP_FAILED", { exact: true }).waitFor();
    await page.getByRole("button", { name: /^Jump to line/ }).click();
    await page.locator(".log-selected .log-text", { hasText: "main.c:3: error: unknown type" }).waitFor();
    expect(/#L\d+$/.test(page.url()), page.url());
  });
  await check("build page: the timeline's bars lead to the log", async () => {
    await page.keyboard.press("t");
    const bar = page.locator(".tl-step", { hasText: "RUN echo compiling" }).first();
    await bar.focus();
    await page.keyboard.press("Enter");
    await page.locator(".log-text", { hasText: "compiling" }).first().waitFor();
  });
  await check("build page: the Dockerfile has the failure at its line", async () => {
    await page.keyboard.press("d");
    await page.locator(".df-bad .df-no", { hasText: /^6$/ }).waitFor();
    await page.locator(".df-bad").getByRole("button", { name: /arm64 Failed/ }).waitFor();
    await page.locator(".df-line", { hasText: "ARG TARGETARCH" }).waitFor(); // it has no step
  });
  await check("build page: what it was made from, with the image that its base was", async () => {
    await page.keyboard.press("i");
    const { items } = await server.api("GET", `builds/${build.id}/steps`);
    const base = items.find(({ line }) => line === 0).base;
    const row = page.getByRole("table", { name: "Base images" }).getByRole("row", { name: "alpine" });
    await row.locator(`code[title="${base}"]`).waitFor();
    await page.getByRole("region", { name: "Code", exact: true }).getByText("refs/heads/", { exact: false }).waitFor();
    await page.getByText("The build rule gave none").waitFor();
  });
  const state = await page.context().storageState();
  await looks(browser, state, build);
  await check("build page: retry of one architecture", async () => {
    await page.goto(server.url + pathOf("builds/broken", build));
    await page.getByRole("button", { name: "Retry linux/arm64" }).click();
    await waitFor("a second attempt", async () =>
      (await server.api("GET", "builds?repository=builds%2Fbroken")).items.some((b) => b.id !== build.id || b.jobs.some((j) => j.attempt > 1)),
    );
    await page.locator(".page-head").getByText("Failed", { exact: true }).waitFor();
  });
}

async function canceled(server, page) {
  const gate = await new Gate().start();
  const build = await start(server, "builds/slow", `FROM alpine\nRUN ${gate.pass}\n`, ["linux/amd64"]);
  await check("build page: cancel asks first, and says who did it", async () => {
    await page.goto(server.url + pathOf("builds/slow", build));
    await page.getByRole("button", { name: "Cancel build" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel build" }).click();
    await page.getByText("Canceled by admin", { exact: true }).waitFor();
  });
  await server.built("builds/slow");
  await check("build page: build again goes to the new record", async () => {
    gate.open();
    await page.getByRole("button", { name: "Build again" }).click();
    await page.waitForURL((url) => !url.pathname.endsWith(build.id));
    await page.getByText("All architectures are published").waitFor();
  });
  gate.close();
}

export async function build(browser, server) {
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await broken(browser, server, page);
  await canceled(server, page);
  await check("build page: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
}
