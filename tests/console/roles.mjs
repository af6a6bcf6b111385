// The rights of each role: what a page offers, what it does not, and what it says when the role went while one looked.
import { settled } from "./browser.mjs";
import { Gate, pathOf, start } from "./builds.mjs";
import { check, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const ROLES = ["view", "develop", "maintain", "admin"];
const NAME = "roles/app";
const AT = `/repositories/${NAME}/-`;

/** [the role it takes, the page, what is there: a role of ARIA and a name] */
const OFFERS = (build) => [
  ["maintain", "/repositories", "button", "Create Repository"],
  ["maintain", `${AT}/info`, "link", "Settings"],
  ["view", `${AT}/info`, "link", "Image Version"],
  ["maintain", `${AT}/build`, "button", "Add Build Rule"],
  ["develop", `${AT}/build`, "button", "Build rule main"],
  ["develop", `${AT}/build`, "button", "Build a ref by rule main"],
  ["maintain", `${AT}/build`, "link", "Edit rule main"],
  ["maintain", `${AT}/build`, "button", "Delete rule main"],
  ["view", `${AT}/build`, "link", `Log of build ${build.id}`],
  ["develop", `${AT}/build`, "button", `Cancel build ${build.id}`],
  ["develop", pathOf(NAME, build), "button", "Cancel build"],
  ["view", `${AT}/versions`, "button", "Digests of first"],
  ["develop", `${AT}/versions`, "button", "Add a tag to first"],
  ["maintain", `${AT}/versions`, "button", "Delete first"],
  ["maintain", `${AT}/settings`, "button", "Delete the repository"],
  ["maintain", `${AT}/build/rules/new`, "button", "Next"],
];

async function offered(page, server, offers) {
  const found = [];
  for (const path of new Set(offers.map((offer) => offer[1]))) {
    await page.goto(server.url + path);
    // A live build's page is never without a request.
    await (path.includes("/builds/") ? page.locator(".archs").waitFor() : settled(page));
    for (const [, , role, name] of offers.filter((offer) => offer[1] === path)) {
      if ((await page.getByRole(role, { name, exact: true }).count()) > 0) found.push(`${path} ${name}`);
    }
  }
  return found;
}

async function member(server, name, role) {
  await server.api("POST", "users", { name, password: `${name}-password` });
  if (role) await server.api("PUT", `namespaces/roles/members/${name}`, { role });
}

async function prepare(server, gate) {
  await start(server, NAME, "FROM alpine\n", ["linux/amd64"]);
  const { digest } = await server.built(NAME);
  await server.api("PUT", `repositories/${encodeURIComponent(NAME)}/tags/first`, { from: digest });
  await server.api("PATCH", `repositories/${encodeURIComponent(NAME)}`, { type: "PUBLIC" });
  await server.push(NAME, { Dockerfile: `FROM alpine\nRUN ${gate.pass}\n` }, "main");
  return server.newest(NAME);
}

export async function roles(browser, server) {
  const gate = await new Gate().start();
  const build = await prepare(server, gate);
  const offers = OFFERS(build);
  for (const role of [null, ...ROLES]) {
    const user = role ? `may-${role}` : "stranger";
    await member(server, user, role);
    await check(`roles: what is offered to ${role ?? "whoever sees a public repository"}`, async () => {
      const page = await browser.page();
      await signIn(page, server.url, "/repositories", user, `${user}-password`);
      await page.getByRole("heading", { name: "Repositories", level: 1 }).waitFor();
      const has = (least) => ROLES.indexOf(least) <= Math.max(0, ROLES.indexOf(role));
      const wanted = offers.filter(([least]) => has(least)).map(([, path, , name]) => `${path} ${name}`);
      expectEqual((await offered(page, server, offers)).sort(), wanted.sort(), "what is offered");
      expectEqual(page.faults, [], "faults");
      await page.context().close();
    });
  }
  await taken(browser, server);
  gate.open();
  await server.built(NAME);
  gate.close();
}

async function taken(browser, server) {
  const page = await browser.page();
  await signIn(page, server.url, `${AT}/settings`, "may-view", "may-view-password");
  await check("roles: a page that takes more says which role, and whom to ask", async () => {
    await page.getByText(`This needs the role Maintain in ${NAME}`).waitFor();
    await page.getByText("Yours is View. Who administers the namespace roles can give you more.").waitFor();
  });
  await check("roles: a role that goes while one looks is a refusal with a remedy", async () => {
    await server.api("PUT", "namespaces/roles/members/may-view", { role: "develop" });
    await page.goto(`${server.url}${AT}/build`);
    const act = page.getByRole("button", { name: "Build rule main", exact: true });
    await act.waitFor();
    await server.api("PUT", "namespaces/roles/members/may-view", { role: "view" });
    await act.click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("FORBIDDEN", { exact: true }).waitFor();
    await dialog.getByText("Ask who administers it for the role.").waitFor();
    await page.keyboard.press("Escape");
    await waitFor("the button goes with the next look", async () => {
      await page.reload();
      await settled(page);
      return (await act.count()) === 0;
    });
  });
  await page.context().close();
}
