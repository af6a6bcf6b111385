// The list of versions and the page of one: an index that shares layers, an artifact, texts that would be markup elsewhere.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { lookAtPages } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "versions/many";
const AT = `/repositories/${NAME}/-`;
const HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>${x}\u202e';
const OCI = "application/vnd.oci.image";
const digestOf = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Pushes by the registry's own protocol. */
class Pusher {
  constructor(server) {
    this.server = server;
    this.headers = { Authorization: server.basic() };
  }

  async send(method, path, body, type) {
    const url = new URL(path, this.server.url);
    const response = await fetch(url, { method, body, headers: { ...this.headers, "Content-Type": type } });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  async blob(text, mediaType) {
    const begun = await this.send("POST", `/v2/${NAME}/blobs/uploads/`);
    const at = new URL(begun.headers.get("Location"), this.server.url);
    at.searchParams.set("digest", digestOf(text));
    await this.send("PUT", at, text, "application/octet-stream");
    return { mediaType, digest: digestOf(text), size: Buffer.byteLength(text) };
  }

  async manifest(reference, fields) {
    const text = JSON.stringify({ schemaVersion: 2, ...fields });
    const digest = digestOf(text);
    await this.send("PUT", `/v2/${NAME}/manifests/${reference ?? digest}`, text, fields.mediaType);
    return { mediaType: fields.mediaType, digest, size: Buffer.byteLength(text) };
  }

  async image(architecture, texts) {
    const layers = [];
    for (const text of texts) layers.push(await this.blob(text, `${OCI}.layer.v1.tar`));
    const history = [
      { created_by: "/bin/sh -c #(nop) ADD file:base in / " },
      { created_by: `ENV A=${HOSTILE}`, empty_layer: true },
      { created_by: "RUN make # buildkit" },
    ];
    const content = {
      architecture,
      os: "linux",
      created: "2026-01-02T03:04:05Z",
      config: { Entrypoint: ["/run", HOSTILE], Cmd: ["a b"], Env: [`A=${HOSTILE}`], User: "app", ExposedPorts: { "80/tcp": {} }, Labels: { [HOSTILE]: "x" } },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
      history,
    };
    const config = await this.blob(JSON.stringify(content), `${OCI}.config.v1+json`);
    return this.manifest(undefined, { mediaType: `${OCI}.manifest.v1+json`, config, layers });
  }
}

async function fill(server) {
  const pusher = new Pusher(server);
  await server.api("POST", "namespaces", { name: "versions" });
  await server.api("POST", "repositories", { namespace: "versions", name: "many" });
  const manifests = [];
  for (const architecture of ["amd64", "arm64"]) {
    const made = await pusher.image(architecture, ["a base for all", `made for ${architecture}`]);
    manifests.push({ ...made, platform: { os: "linux", architecture } });
  }
  await pusher.manifest("1.0", { mediaType: `${OCI}.index.v1+json`, manifests });
  const layer = await pusher.blob("{}", "application/spdx+json");
  const config = { ...layer, mediaType: "application/vnd.oci.empty.v1+json" };
  await pusher.manifest("bill", {
    mediaType: `${OCI}.manifest.v1+json`,
    artifactType: "application/spdx+json",
    config,
    layers: [layer],
    annotations: { note: HOSTILE },
  });
}

async function list(page, server) {
  const links = () => page.locator("main tbody a").allTextContents();
  await check("versions: search and order are in the address", async () => {
    await page.goto(`${server.url}${AT}/versions`);
    await waitFor("by name", async () => (await links()).join() === "1.0,bill");
    await page.getByLabel("Order").press("ArrowDown");
    await page.getByTitle("Last change first").click();
    await waitFor("by change", async () => (await links()).join() === "bill,1.0");
    await page.getByLabel("Search tags").fill("1.");
    await waitFor("found", async () => (await links()).join() === "1.0");
    expectEqual(new URL(page.url()).search, "?sort=updated&q=1.", "the address");
    await page.getByRole("link", { name: "1.0", exact: true }).click();
    await page.getByRole("heading", { name: "1.0", level: 1 }).waitFor();
  });
}

async function version(page, server) {
  const tab = (name) => page.getByRole("tab", { name, exact: true });
  await check("version: hostile texts are texts", async () => {
    await page.goto(`${server.url}${AT}/versions/1.0`);
    await page.getByText(`A=${HOSTILE}`, { exact: true }).waitFor();
    await page.getByText(`${HOSTILE}=x`, { exact: true }).waitFor();
    expectEqual(await page.locator("main img").count(), 0, "images");
  });
  await check("version: platform and tab are in the address, by keyboard", async () => {
    await page.getByLabel("Platform").press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await waitFor("the platform", () => new URL(page.url()).searchParams.get("platform") === "linux/arm64");
    await tab("Overview").press("ArrowRight");
    await page.keyboard.press("Enter");
    await waitFor("the tab", () => new URL(page.url()).searchParams.get("view") === "layers");
  });
  await check("version: layers in order, with what is shared and what made none", async () => {
    await page.goto(`${server.url}${AT}/versions/1.0?platform=linux%2Farm64&view=layers`);
    await page.locator("main tbody .chip").waitFor();
    const rows = await page.locator("main tbody tr").allInnerTexts();
    expectEqual(rows.length, 3, "rows");
    expect(rows[0].includes("ADD file:base") && rows[0].includes("linux/amd64"), rows[0]);
    expect(rows[1].includes("No layer") && rows[1].includes("<img"), rows[1]);
    expect(rows[2].includes("RUN make") && !rows[2].includes("buildkit") && !rows[2].includes("linux/amd64"), rows[2]);
    const shared = await page.locator(".facts > div", { hasText: "Shared with" }).innerText();
    expect(shared.includes("14 B"), shared);
  });
}

async function byDigest(page, server) {
  const tag = await server.api("GET", `repositories/${encodeURIComponent(NAME)}/tags/1.0`);
  const [{ digest }] = tag.platforms;
  await check("version: a digest has a page of its own, whichever way its colon is written", async () => {
    for (const name of [digest, encodeURIComponent(digest)]) {
      await page.goto(`${server.url}${AT}/manifests/${name}`);
      await page.getByText("docker pull", { exact: false }).first().waitFor();
      expect((await page.locator("h1").innerText()).startsWith(digest.slice(0, 19)), await page.locator("h1").innerText());
    }
  });
  return digest;
}

async function bytes(page, server) {
  const good = page.getByText("Digest verified by this browser");
  const open = () => page.goto(`${server.url}${AT}/versions/1.0?view=manifest`);
  await check("manifest: index, manifest and configuration are verified, and downloaded as stored", async () => {
    await open();
    await waitFor("three are verified", async () => (await good.count()) === 3);
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download Index" }).click()]);
    expectEqual(`${digestOf(readFileSync(await file.path())).replace(":", "-")}.json`, file.suggestedFilename(), "the digest of the file");
  });
  await check("manifest: what was changed on the way is told", async () => {
    await page.route("**/manifests/1.0", async (route) => {
      const response = await route.fetch();
      const body = await response.json();
      await route.fulfill({ response, json: { ...body, content: `${body.content} ` } });
    });
    await open();
    await page.getByText("The content does not have this digest").waitFor();
    await waitFor("two are verified", async () => (await good.count()) === 2);
    await page.unroute("**/manifests/1.0");
  });
  await check("manifest: without Web Crypto it says so", async () => {
    await page.addInitScript(() => Object.defineProperty(Crypto.prototype, "subtle", { value: undefined }));
    await open();
    await page.getByText("Not verified").first().waitFor();
    expectEqual(await good.count(), 0, "verified");
  });
  await check("an artifact says what it is", async () => {
    await page.goto(`${server.url}${AT}/versions/bill`);
    await page.getByRole("heading", { name: "Artifact" }).waitFor();
    await page.getByText("application/spdx+json", { exact: true }).waitFor();
  });
}

async function looks(browser, state, child) {
  const pages = {
    "version-list": `${AT}/versions?sort=updated`,
    "version-overview": `${AT}/versions/1.0`,
    "version-layers": `${AT}/versions/1.0?view=layers`,
    "version-manifest": `${AT}/versions/1.0?view=manifest`,
    "version-artifact": `${AT}/versions/bill`,
    "version-digest": `${AT}/manifests/${encodeURIComponent(child)}`,
  };
  await lookAtPages(browser, state, pages);
}

export async function image(browser, server) {
  await step("versions: an index and an artifact are pushed", () => fill(server));
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  const state = await page.context().storageState();
  await list(page, server);
  await version(page, server);
  await bytes(page, server);
  const child = await byDigest(page, server);
  await check("versions: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  await looks(browser, server, state, child);
}
