// The first run: from what a new server prints to a first image, by the wizard; and the page of the instance's settings.
import { look } from "./browser.mjs";
import { check, expect, expectEqual, step, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { Server } from "./server.mjs";

const OWN = "a password of one's own";
const button = (page, name) => page.getByRole("button", { name, exact: true });

async function password(page, server) {
  await step("setup: a new server prints the way, and the password for it", async () => {
    const [, url] = /To set it up in a browser: (\S+)/.exec(server.output) ?? [];
    const [, printed] = /with the password (\S+) /.exec(server.output) ?? [];
    expectEqual(url, `${server.url}/setup`, "the address");
    await signIn(page, url.replace("/setup", ""), "/setup", "admin", printed);
    await page.getByRole("heading", { name: "Set up kiln", level: 1 }).waitFor();
    server.password = printed;
  });
  await step("setup: a short password and two that differ are refused, one's own counts at once", async () => {
    const [first, again] = [page.getByLabel("New password for admin", { exact: true }), page.getByLabel("Once more", { exact: true })];
    await first.fill("short");
    await again.fill("other");
    await button(page, "Change it and go on").click();
    await page.getByText("At least 12 characters.", { exact: true }).waitFor();
    await page.getByText("The two are not the same.").waitFor();
    await first.fill(OWN);
    await again.fill(OWN);
    await button(page, "Change it and go on").click();
    await page.getByText("is reached from this machine only").waitFor();
    await server.api("GET", "whoami").then(
      () => expect(false, "the old password is good still"),
      () => {},
    );
    server.password = OWN;
    await server.api("GET", "whoami");
  });
}

async function checks(page, server) {
  await step("setup: address, storage and workers say what is well", async () => {
    await page.getByText(`The registry answers at ${server.host}/v2/.`).waitFor();
    await button(page, "Next").click();
    await page.getByText(/are free in \//).waitFor();
    await button(page, "Next").click();
    await page.getByText("1 worker is online").waitFor();
    await page.getByText("linux/amd64 is built natively.").waitFor();
    await page.getByText("linux/arm/v6 is built by emulation").waitFor();
  });
  await step("setup: without a worker it says what to do, and looks again", async () => {
    const [worker] = (await server.api("GET", "workers")).items;
    await server.api("POST", `workers/${worker.id}:drain`, { on: true });
    await page.getByText("No worker is online: builds wait.").waitFor();
    await page.getByText("kiln serve --slots 2").waitFor();
    await server.api("POST", `workers/${worker.id}:drain`, { on: false });
    await page.getByText("1 worker is online").waitFor();
    await button(page, "Next").click();
  });
}

async function image(browser, page, server) {
  await step("setup: the first image is a push away, and is watched", async () => {
    await button(page, "Create the repository hello/world").click();
    await page.getByText(`git push http://admin@${server.host}/git/hello/world.git main`).waitFor();
    await page.getByText("Waiting for the push…").waitFor();
    await server.push("hello/world", { Dockerfile: "FROM alpine\nRUN uname -m >/arch\n" }, "main");
    await page.getByText("It is there. Pull it:").waitFor();
    await page.getByText(`docker pull ${server.host}/hello/world:latest`).waitFor();
    const { platforms } = await server.api("GET", "repositories/hello%2Fworld/tags/latest");
    expectEqual(platforms.length, 4, "platforms");
  });
  await check("setup: a step can be come back to, and looks well", async () => {
    await page.reload();
    await page.getByText("It is there. Pull it:").waitFor();
    await look(browser, page, "setup-done");
    await button(page, "Finish").click();
    await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  });
}

async function settings(page, server) {
  await check("instance settings: what counts, as a file too", async () => {
    await page.goto(`${server.url}/settings`);
    await page.locator("tr", { hasText: "--listen" }).getByText(server.host, { exact: true }).waitFor();
    const file = JSON.parse(await page.getByRole("group", { name: "configuration file" }).innerText());
    expectEqual(file.listen, server.host, "listen in the file");
    expectEqual(file["registry-mirror"], [`docker.io=${server.hub}`], "mirrors in the file");
    await waitFor("the image is counted", async () => (await page.getByText(/Images hold .* in \d+ layers and configurations/).count()) > 0);
  });
}

export async function setup(browser, hub) {
  const server = new Server(hub.kiln, { hub: hub.url, password: null });
  await server.start();
  const page = await browser.page({ url: server.url });
  try {
    await password(page, server);
    await checks(page, server);
    await image(browser, page, server);
    await settings(page, server);
    expectEqual(page.faults, [], "faults");
  } finally {
    await page.context().close();
    await server.remove();
  }
}
