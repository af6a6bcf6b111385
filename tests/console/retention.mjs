// Retention in the settings: rules are tried on 640 tags before they are switched on, and carried out by hand.
import { createHash } from "node:crypto";
import { button, lookAtPages, refused } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "retention/app";
const AT = `/repositories/${NAME}/-/settings`;
const TAGS = 640;
const AT_ONCE = 64;

const digestOf = (text) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

async function put(server, path, body, type) {
  const headers = { Authorization: server.basic(), "Content-Type": type };
  const response = await fetch(`${server.url}/v2/${NAME}/${path}`, { method: path.startsWith("blobs") ? "POST" : "PUT", headers, body });
  expect(response.ok, `${path}: ${response.status} ${await response.text()}`);
}

/** v1 to v640, which are one image. */
async function fill(server) {
  await server.api("POST", "namespaces", { name: "retention" });
  await server.api("POST", "repositories", { namespace: "retention", name: "app" });
  const config = JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } });
  await put(server, `blobs/uploads/?digest=${digestOf(config)}`, config, "application/octet-stream");
  const type = "application/vnd.oci.image.manifest.v1+json";
  const mediaType = "application/vnd.oci.image.config.v1+json";
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType, digest: digestOf(config), size: config.length },
    layers: [],
  });
  for (let first = 1; first <= TAGS; first += AT_ONCE) {
    const tags = Array.from({ length: AT_ONCE }, (_, i) => `tag=v${first + i}`);
    await put(server, `manifests/${digestOf(manifest)}?${tags.join("&")}`, manifest, type);
  }
}

const part = (page) => page.getByRole("region", { name: "Retention", exact: true });
const says = (page, text) => part(page).locator(".rt-numbers").getByText(text).waitFor();
const rows = (page) => page.locator(".rt-tag");
const on = (page) => button(part(page), "Save and switch on");

async function tried(page, server) {
  await check("retention: it is off, and without a rule there is nothing to switch on", async () => {
    await page.goto(`${server.url}${AT}`);
    await says(page, "0 versions go");
    expect(await on(page).isDisabled(), "it may be switched on");
    await part(page).getByText("Add a rule to begin.").waitFor();
  });
  await check("retention: a rule is tried while it is written", async () => {
    await button(part(page), "Add a rule").click();
    await part(page).getByText("Every rule needs a pattern and something that it keeps.").first().waitFor();
    expect(await on(page).isDisabled(), "half a rule may be switched on");
    await page.getByLabel("Pattern of rule 1").fill("v*");
    await page.getByLabel("Keep the newest of rule 1").fill("2");
    await says(page, `${TAGS - 2} versions go`);
    await says(page, "2 stay");
    await waitFor("it may be switched on", async () => !(await on(page).isDisabled()));
  });
  await check("retention: of 638 rows those in sight are in the document, to the last", async () => {
    await rows(page).first().waitFor();
    expect((await rows(page).count()) < 60, `${await rows(page).count()} rows`);
    expectEqual(await rows(page).first().getAttribute("aria-setsize"), String(TAGS - 2), "how many there are");
    const list = page.getByRole("region", { name: "Versions that go" });
    await waitFor("the last row", async () => {
      await list.evaluate((box) => box.scrollTo(0, box.scrollHeight));
      return (await page.locator(`.rt-tag[aria-posinset="${TAGS - 2}"]`).count()) === 1;
    });
    expect((await rows(page).count()) < 60, "all rows are there");
  });
  await check("retention: what stays says why, and the choice is in the address", async () => {
    await button(part(page), "Add a pattern").click();
    await page.getByLabel("Pattern of pattern 1 of never touched").fill("v64");
    await part(page).locator(".ant-radio-button-wrapper", { hasText: "Stay" }).click();
    await page.waitForURL("**decision=keep*");
    await page.locator(".rt-tag", { hasText: "Never touched: v64" }).waitFor();
    await page.locator(".rt-tag", { hasText: "Rule 1: number 1 of the newest" }).waitFor();
    await part(page).getByLabel("Search versions").fill("v64");
    await waitFor("one row", async () => (await rows(page).count()) === 1);
  });
}

async function changed(page, server) {
  await check("retention: rules are moved and removed", async () => {
    await page.goto(`${server.url}${AT}?decision=keep&q=v64`);
    for (const pattern of ["a*", "v*"]) {
      await button(part(page), "Add a rule").click();
      await page.getByLabel(/^Pattern of rule \d$/).last().fill(pattern);
    }
    await page.getByLabel("Keep the newest of rule 2").fill("2");
    await button(part(page), "Move rule 2 up").click();
    expectEqual(await page.getByLabel("Pattern of rule 1").inputValue(), "v*", "the first rule");
    await button(part(page), "Remove rule 2").click();
    await button(part(page), "Add a pattern").click();
    await page.getByLabel("Pattern of pattern 1 of never touched").fill("v64");
    await says(page, `${TAGS - 3} versions go`);
  });
  await check("retention: an expression that is wrong is told", async () => {
    await page.getByLabel("Pattern of pattern 1 of never touched").fill("v64(");
    await page.getByLabel("Kind of pattern 1 of never touched").click();
    await page.locator(".ant-select-item-option", { hasText: "Expression" }).click();
    await refused(part(page), "RULE_REGEX", "Expressions are PCRE2");
    expect(await on(page).isDisabled(), "it may be switched on");
    await page.getByLabel("Pattern of pattern 1 of never touched").fill("v64");
    await says(page, `${TAGS - 3} versions go`);
  });
}

async function carriedOut(page, server) {
  await check("retention: it is switched on, and says when it is carried out", async () => {
    await on(page).click();
    await part(page).getByText("On", { exact: true }).waitFor();
    const stored = await server.api("GET", `repositories/${encodeURIComponent(NAME)}/retention`);
    expect(stored.enabled && stored.nextRunAt && stored.rules.length === 1, JSON.stringify(stored));
    expectEqual(stored.never, [{ pattern: "v64", match: "expression" }], "never touched");
    await part(page).locator(`time[datetime="${stored.nextRunAt}"]`).waitFor();
  });
  await check("retention: the page Image Version leads there", async () => {
    await page.goto(`${server.url}/repositories/${NAME}/-/versions`);
    await page.getByRole("link", { name: "Retention preview" }).click();
    await page.waitForURL(`**${AT}#retention`);
    await waitFor("the part is in sight", () => page.locator("#retention").evaluate((e) => Math.abs(e.getBoundingClientRect().top) < 200));
    await says(page, `${TAGS - 3} versions go`);
  });
}

async function run(page) {
  await check("retention: run now names what goes, and it is gone", async () => {
    const now = button(part(page), "Run now");
    await waitFor("it may be run", async () => !(await now.isDisabled()));
    await now.click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(`${TAGS - 3} versions go`).waitFor();
    await button(dialog, "Run now").click();
    await part(page).getByText(`Removed: ${TAGS - 3} versions, 0 manifests, 0 layers`).waitFor();
    await part(page).getByText("by admin").waitFor();
    await says(page, "0 versions go");
    await says(page, "3 stay");
  });
  await check("retention: the policy is deleted", async () => {
    await button(part(page), "Delete the policy").click();
    await button(page.getByRole("dialog"), "Delete the policy").click();
    await part(page).getByText("Off", { exact: true }).waitFor();
    expectEqual(await page.getByLabel("Pattern of rule 1").count(), 0, "rules");
  });
}

export async function retention(browser, server) {
  await step("retention: there are 640 tags", () => fill(server));
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  await tried(page, server);
  await changed(page, server);
  await carriedOut(page, server);
  await lookAtPages(browser, state, { retention: `${AT}#retention`, "retention-versions": `/repositories/${NAME}/-/versions` });
  await run(page);
  await check("retention: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
}
