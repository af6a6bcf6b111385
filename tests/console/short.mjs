// Short addresses of builds and digests: where they lead, what they keep, and what they say when there is nothing.
import { clipboard, lookAtPages, settled } from "./browser.mjs";
import { start, TWO } from "./builds.mjs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const ONE = "short/one";
const DOCKERFILE = "FROM scratch\nCOPY Dockerfile /\n";
const NOBODY = "00000000-0000-4000-8000-000000000000";
const ZERO = `sha256:${"0".repeat(64)}`;
const pathOf = (page) => decodeURIComponent(new URL(page.url()).pathname);

async function leads(page, address, to) {
  await page.goto(address);
  await waitFor(`it leads to ${to}`, () => pathOf(page) === to);
  await settled(page);
}

async function ofBuild(page, server, build) {
  await check("short addresses: the page of a build copies its own, which leads there and keeps line and view", async () => {
    await page.goto(`${server.url}/repositories/${ONE}/-/builds/${build.id}`);
    await page.getByRole("button", { name: "Copy the link", exact: true }).click();
    const link = await clipboard(page);
    expectEqual(link, `${server.url}/b/${build.id}`, "the link");
    await page.goto(`${server.url}/repositories`);
    await settled(page);
    await leads(page, `${link}?view=result`, `/repositories/${ONE}/-/builds/${build.id}`);
    expectEqual(new URL(page.url()).searchParams.get("view"), "result", "the view");
    await page.goBack();
    await waitFor("back is where one was", () => pathOf(page) === "/repositories");
    await leads(page, `${link.toUpperCase().replace(/^.*\/B\//, `${server.url}/b/`)}#L2`, `/repositories/${ONE}/-/builds/${build.id}`);
    expectEqual(new URL(page.url()).hash, "#L2", "the line");
  });
  await check("short addresses: a build that is not there, and what is no id", async () => {
    for (const id of [NOBODY, "7", "..%2F..", "%3Cimg src=x%3E"]) {
      await page.goto(`${server.url}/b/${id}`);
      await page.getByRole("heading", { name: "There is no such build", level: 1 }).waitFor();
      expectEqual(await page.locator("main img").count(), 0, "images");
    }
  });
}

async function ofDigest(page, server, digest) {
  const version = `/repositories/${ONE}/-/manifests/${digest}`;
  await check("short addresses: the page of a version copies that of its digest, which leads to the one repository that has it", async () => {
    await page.goto(`${server.url}/repositories/${ONE}/-/versions/main`);
    await page.getByRole("button", { name: "Copy the link to this digest" }).click();
    const link = await clipboard(page);
    expectEqual(link, `${server.url}/d/${digest}`, "the link");
    await leads(page, link, version);
    await page.getByRole("heading", { name: digest.slice(0, 19), level: 1 }).waitFor();
  });
  await check("short addresses: a digest that nothing has, and what is no digest", async () => {
    for (const wrong of [ZERO, digest.slice(0, 20), "main"]) {
      await page.goto(`${server.url}/d/${wrong}`);
      await page.getByRole("heading", { name: "No repository has this digest", level: 1 }).waitFor();
      await page.getByText(wrong).first().waitFor();
    }
  });
}

/** The same bytes under another name: by the registry's own way, with the manifests first. */
async function copyTo(server, name, digest) {
  const ask = async (method, path, body, type) => {
    const headers = { Authorization: server.basic(), Accept: "*/*", ...(type ? { "Content-Type": type } : {}) };
    const response = await fetch(`${server.url}/v2/${path}`, { method, body, headers });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const copy = async (reference, tag) => {
    const got = await ask("GET", `${ONE}/manifests/${reference}`);
    const text = await got.text();
    const { manifests = [], layers = [], config } = JSON.parse(text);
    for (const one of manifests) await copy(one.digest);
    for (const one of [...layers, ...(config ? [config] : [])]) await ask("POST", `${name}/blobs/uploads/?mount=${one.digest}&from=${ONE}`);
    await ask("PUT", `${name}/manifests/${tag ?? reference}`, text, got.headers.get("Content-Type"));
  };
  await copy(digest, "copied");
}

async function ofSeveral(browser, page, server, digest) {
  await check("short addresses: of several repositories one chooses", async () => {
    await server.api("POST", "repositories", { namespace: "short", name: "two", type: "PRIVATE", summary: "<b>The other</b>" });
    await copyTo(server, "short/two", digest);
    await page.goto(`${server.url}/d/${digest}`);
    await page.getByRole("heading", { name: "2 repositories have this digest", level: 1 }).waitFor();
    await page.getByRole("table", { name: "Choose a repository" }).getByRole("link", { name: "short/two" }).click();
    await waitFor("the page of the other", () => pathOf(page) === `/repositories/short/two/-/manifests/${digest}`);
    await page.goBack();
    await page.getByRole("link", { name: ONE }).waitFor();
  });
  await check("short addresses: who may see one of them is led there, who may see none is told of none", async () => {
    await server.api("POST", "users", { name: "short-eve", password: "short-password" });
    const eve = await browser.page();
    await signIn(eve, server.url, `/d/${digest}`, "short-eve", "short-password");
    await eve.getByRole("heading", { name: "No repository has this digest", level: 1 }).waitFor();
    await server.api("PUT", "namespaces/short/members/short-eve", { role: "view", repository: "two" });
    await leads(eve, `${server.url}/d/${digest}`, `/repositories/short/two/-/manifests/${digest}`);
    const { id } = await server.newest(ONE);
    await eve.goto(`${server.url}/b/${id}`);
    await eve.getByRole("heading", { name: "There is no such build", level: 1 }).waitFor();
    expectEqual(eve.faults, [], "faults");
    await eve.context().close();
  });
}

export async function short(browser, server) {
  await start(server, ONE, DOCKERFILE, TWO);
  const build = await server.built(ONE);
  expect(build.status === "SUCCESS", JSON.stringify(build));
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await ofBuild(page, server, build);
  await ofDigest(page, server, build.digest);
  await ofSeveral(browser, page, server, build.digest);
  await check("short addresses: no error", () => expectEqual(page.faults, [], "faults"));
  const state = await page.context().storageState();
  await page.context().close();
  await lookAtPages(browser, state, {
    "short-several": `/d/${build.digest}`,
    "short-no-digest": `/d/${ZERO}`,
    "short-no-build": `/b/${NOBODY}`,
    "short-link-build": `/b/${build.id}`,
    "short-link-version": `/repositories/${ONE}/-/versions/main`,
  });
}
