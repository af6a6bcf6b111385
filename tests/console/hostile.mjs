// Markup in every field that a user, a push, a log line, a label or another server can fill: it is text, and nothing runs.
import { lookAtPages, settled } from "./browser.mjs";
import { pathOf } from "./builds.mjs";
import { check, expect, expectEqual } from "./check.mjs";
import { signIn } from "./flow.mjs";
import { PASSWORD } from "./server.mjs";

const NAME = "hostile/app";
const ID = encodeURIComponent(NAME);
const AT = `/repositories/${NAME}/-`;
/** Runs when it is taken for markup, and says where it stood. */
const trap = (where) => `<img src=x onerror="kilnHit('${where}')">${where}'"&amp;`;
/** The same with the characters that git allows in a name. */
const REF = "a/<img/src=\"x\"/onerror=\"kilnHit('ref')\">";
const FILE = "<img src=x onerror=kilnHit('file')>";
/** What Markdown can do, each on a line of its own, and how it is shown. */
const TRICKS = {
  [trap("description")]: trap("description").replace("&amp;", "&"),
  "[one](javascript:kilnHit('one'))": "[one](javascript:kilnHit('one'))",
  "[two](JAVA&#115;cript&colon;kilnHit(2))": "[two](JAVAscript:kilnHit(2))",
  "[three](data:text/html,<script>kilnHit(3)</script>)": "[three](data:text/html,<script>kilnHit(3)</script>)",
  "<javascript:kilnHit('four')>": "<javascript:kilnHit('four')>",
  "![five](http://other.example/a.png)": "five",
  "[![six](//other.example/b.png)](vbscript:kilnHit(6))": "six",
  "[seven](//other.example/ 'eight')": "seven",
  "[nine](http://other.example/\" 'x\" onmouseover=\"kilnHit(9)')": "nine",
  "<iframe src=//other.example></iframe><u>ten</u>": "<iframe src=//other.example></iframe><u>ten</u>",
  "<style>@import '//other.example';</style>": "<style>@import '//other.example';</style>",
  "```\" onclick=\"kilnHit(11)\neleven\n```": "eleven",
};
/** What is wide, deep, empty or out of order. */
const SPRAWLING = [
  "### late\n# early\n#### deep\n##\n###### deepest",
  `${"> ".repeat(90)}quoted`,
  `${"- ".repeat(45)}listed`,
  `${"1. > ".repeat(20)}both`,
  "w".repeat(400),
  `- \`${"c".repeat(400)}\` **${"b".repeat(400)}**`,
  `https://other.example/${"a".repeat(400)}`,
  `    ${"p".repeat(400)}`,
  `|${" |".repeat(30)}\n|${"-|".repeat(30)}\n|${"cell |".repeat(30)}`,
  `|a|${"h".repeat(200)}|\n|-|-|\n|${"d".repeat(200)}|![](http://other.example/c.png)|`,
  "[](http://other.example)\n\n![]()\n\n-\n\n```\n```",
].join("\n\n");
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const DOCKERFILE = `FROM alpine
LABEL "<u>label</u>"=${quoted(trap("label"))}
ENV HOSTILE=${quoted(trap("env"))}
COPY . /all/
RUN printf '%s\\n' ${quoted(trap("line"))} ${quoted("\u001b]8;;javascript:kilnHit(1)\u001b\\\\link\u001b]8;;\u001b\\\\")}
ENTRYPOINT ["/bin/echo", ${JSON.stringify(trap("entrypoint"))}]
`;
const BROKEN = `FROM alpine\nRUN echo ${quoted(trap("said"))} >&2; exit 3\n`;

async function fill(server) {
  await server.api("POST", "namespaces", { name: "hostile" });
  const texts = { summary: trap("summary"), description: Object.keys(TRICKS).join("\n\n") };
  await server.api("POST", "repositories", { namespace: "hostile", name: "app", type: "PUBLIC", ...texts });
  const source = await server.api("PUT", `repositories/${ID}/source`, { provider: "KILN" });
  const rule = { platforms: ["linux/amd64"], buildArgs: [{ name: "HOSTILE", value: trap("argument") }] };
  await server.api("POST", `repositories/${ID}/rules`, { ...rule, pattern: "main", imageTags: ["main"] });
  await server.api("POST", `repositories/${ID}/rules`, { ...rule, pattern: REF, match: "name", imageTags: ["ref"] });
  await server.push(NAME, { Dockerfile: DOCKERFILE, [FILE]: "1" }, "main");
  const first = await server.built(NAME);
  await server.push(NAME, { [FILE]: "2" }, "main");
  const second = await server.built(NAME);
  expectEqual([first.error, second.error], [null, null], "what was wrong with the builds");
  await server.push(NAME, { Dockerfile: BROKEN }, REF);
  const broken = await server.built(NAME);
  expectEqual(broken.status, "FAILED", "the broken build");
  return { source, second, broken };
}

/** Names that people, browsers, workers and other servers give themselves. */
async function names(server) {
  await server.api("POST", "tokens", { name: trap("token") });
  const { secret } = await server.api("POST", "worker-tokens", { name: trap("worker token"), pool: trap("pool").slice(0, 64) });
  const worker = { name: trap("worker"), version: trap("version"), slots: 1, platforms: [{ platform: "linux/amd64", native: true }] };
  await send(server, "worker/register", worker, { Authorization: `Bearer ${secret}` });
  await send(server, "session", { user: "admin", password: PASSWORD }, { "User-Agent": trap("agent") });
  const made = await server.api("POST", "sources", {
    namespace: "hostile",
    name: "elsewhere",
    provider: "GIT",
    url: "https://example.org/code.git",
  });
  const push = { ref: `refs/heads/${REF}`, commit: "b2".repeat(20), pusher: trap("pusher") };
  const answer = await fetch(made.hookUrl, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${made.hookSecret}` },
    body: JSON.stringify(push),
  });
  expectEqual(answer.status, 202, "the delivery");
  return made.id;
}

async function send(server, path, body, headers) {
  const response = await fetch(`${server.url}/api/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(response.ok, `${path}: ${response.status} ${await response.text()}`);
}

/** Where nothing is escaped each of them runs: what is not run elsewhere could have been. */
async function springs(browser) {
  const page = await browser.page();
  await page.setContent("<p></p>");
  for (const text of [trap("any"), REF, FILE]) {
    const hit = await page.evaluate(
      (markup) =>
        new Promise((resolve) => {
          window.kilnHit = resolve;
          document.querySelector("p").innerHTML = markup;
        }),
      text,
    );
    expect(hit, `it does not run: ${text}`);
  }
  await page.context().close();
}

/** Nothing of what a trap would make, and no address that is none. */
async function clean(page) {
  const found = await page.evaluate(() => ({
    hits: window.kilnHits,
    elements: [...document.querySelectorAll("*")].filter(
      (e) => e.matches("script:not([src]), img[src='x'], iframe, object, embed, u") || [...e.attributes].some((a) => a.name.startsWith("on")),
    ).length,
    addresses: [...document.querySelectorAll("a[href], area[href], form[action]")].map((e) => e.href ?? e.action).filter((a) => !/^https?:/.test(a)),
  }));
  expectEqual(found, { hits: [], elements: 0, addresses: [] }, "what the page made of it");
  expectEqual(page.faults, [], "faults");
}

export async function hostile(browser, server) {
  await check("hostile: the traps are ones", () => springs(browser));
  const { second, broken } = await fill(server);
  const source = await names(server);
  const page = await browser.page();
  await page.addInitScript(() => {
    window.kilnHits = [];
    window.kilnHit = (where) => window.kilnHits.push(where);
    document.addEventListener("securitypolicyviolation", (event) => window.kilnHits.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  /** Each page with what has to be on it as it was given. */
  const PAGES = {
    "/": [REF],
    "/repositories": [trap("summary")],
    [`${AT}/info`]: [trap("summary"), ...Object.values(TRICKS)],
    [`${AT}/settings`]: [],
    [`${AT}/settings?description=preview`]: Object.values(TRICKS),
    [`${AT}/build`]: [REF],
    [`${AT}/build/rules/new`]: [],
    [pathOf(NAME, second, "?view=log")]: [trap("line"), FILE],
    [pathOf(NAME, second, "?view=timeline")]: [],
    [pathOf(NAME, second, "?view=dockerfile")]: [trap("line").split("'")[0]],
    [pathOf(NAME, second, "?view=inputs")]: [trap("argument")],
    [pathOf(NAME, second, "?view=result")]: [],
    [pathOf(NAME, second, "?view=history")]: [],
    [pathOf(NAME, broken, "?view=history")]: [REF],
    [pathOf(NAME, broken)]: [trap("said"), REF],
    [`${AT}/versions`]: [],
    [`${AT}/versions/main`]: ["<u>label</u>", trap("label"), trap("env"), "kilnHit('entrypoint')"],
    [`${AT}/versions/main?view=layers`]: [],
    [`${AT}/versions/main?view=manifest`]: [],
    "/workers": [trap("worker"), trap("version"), trap("worker token")],
    "/account": [trap("token"), trap("agent")],
    [`/sources/${source}`]: [trap("pusher")],
    "/audit": [],
    [`/${encodeURIComponent(trap("address"))}`]: [],
    [`/repositories?q=${encodeURIComponent(trap("query"))}`]: [],
  };
  for (const [path, texts] of Object.entries(PAGES)) {
    await check(`hostile: ${path.slice(0, 80)}`, async () => {
      await page.goto(server.url + path);
      await settled(page);
      for (const text of texts) await page.getByText(text).filter({ visible: true }).first().waitFor();
      await clean(page);
    });
  }
  await check("hostile: a picture in a description is a link, and what else of it leads elsewhere is known", async () => {
    await page.goto(`${server.url}${AT}/info`);
    const description = page.getByRole("region", { name: "Description" });
    await description.getByRole("link", { name: "five" }).waitFor();
    const links = await description.getByRole("link").evaluateAll((all) => all.map((a) => [a.innerText, a.getAttribute("href"), a.rel]));
    const rel = "noopener noreferrer nofollow";
    expectEqual(links, [["five", "http://other.example/a.png", rel], ["nine", "http://other.example/%22", rel]], "links");
    expectEqual(await description.locator("img, style, script").count(), 0, "what fetches");
    await clean(page);
  });
  await server.api("POST", "repositories", { namespace: "hostile", name: "wide", description: SPRAWLING });
  const pages = { "description-wide": "/repositories/hostile/wide/-/info" };
  const open = (wide) => wide.getByRole("heading", { name: "deepest", level: 5 }).waitFor();
  await lookAtPages(browser, await page.context().storageState(), pages, { open });
  await check("hostile: what is searched for", async () => {
    await page.keyboard.press("/");
    await page.getByRole("combobox", { name: "Search repositories and pages" }).fill(trap("search"));
    await page.getByText(trap("search")).first().waitFor();
    await clean(page);
  });
  await page.context().close();
}
