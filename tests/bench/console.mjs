// Figures of the console in Chromium, each beside what the server alone takes, or beside the same page with the processor as it is.
// usage: node console.mjs KILN
// Every line: what, the median, what it is beside, and what is wanted. Nothing here fails; the exit code is 0.
import { readFileSync } from "node:fs";
import { BareBrowser } from "./bare.mjs";
import { Browser } from "../console/browser.mjs";
import { pathOf, start } from "../console/builds.mjs";
import { signIn } from "../console/flow.mjs";
import { Server } from "../console/server.mjs";

const ROUNDS = 7;
const TAGS = 10_000;
const REFS = 1000;
const LINES = 1_000_000;
const LIVE_LINES = 200;

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];
const part = (list, p) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * p))];

function line(what, value, wanted, beside = "", unit = "ms") {
  const verdict = wanted === undefined ? "" : `<= ${wanted} ${unit}  ${value <= wanted ? "PASS" : "FAIL"}`;
  console.log(`${what.padEnd(66)} ${value.toFixed(1).padStart(10)}  ${beside.padEnd(24)} ${verdict}`);
}

async function timed(act) {
  const took = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    const began = performance.now();
    await act();
    took.push(performance.now() - began);
  }
  return median(took);
}

/** In the page: when the content was there, and from when on 50 ms went by without a long task. */
function watch() {
  const tasks = [];
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) tasks.push([task.startTime, task.startTime + task.duration]);
  }).observe({ type: "longtask", buffered: true });
  const look = () => {
    const there = document.querySelector("h1") && document.querySelector("main .section") && !document.querySelector(".ant-skeleton");
    if (!there) return requestAnimationFrame(look);
    const content = performance.now();
    setTimeout(() => {
      const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? content;
      let interactive = Math.max(content, paint);
      for (const [begin, end] of tasks) if (begin < interactive + 50) interactive = Math.max(interactive, end);
      window.kilnWatched = { paint, content, interactive };
    }, 1500);
  };
  requestAnimationFrame(look);
}

async function interactive(browser, server, state) {
  const bare = new BareBrowser(browser.executablePath);
  for (const [name, path] of Object.entries({ Home: "/", Repositories: "/repositories", Build: "/repositories/bench/tags/-/build" })) {
    const [slow, plain] = [[], []];
    for (let i = 0; i < ROUNDS; i += 1) {
      slow.push(await bare.load(server.url + path, state.cookies, 4, watch));
      plain.push(await bare.load(server.url + path, state.cookies, 1, watch));
    }
    const of = (list, what) => median(list.map((times) => times[what]));
    line(`${name}, cold cache, processor slowed 4 times: first paint`, of(slow, "paint"), undefined, `${of(plain, "paint").toFixed(0)} not slowed`);
    line(`${name}, cold cache, processor slowed 4 times: interactive`, of(slow, "interactive"), 1000, `${of(plain, "interactive").toFixed(0)} not slowed`);
  }
  await bare.close();
}

/** `n` acts, some at once. */
async function many(n, act) {
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (next < n) await act(next++);
    }),
  );
}

async function tags(server, page) {
  const name = "bench/tags";
  const id = encodeURIComponent(name);
  const { digest } = (await server.api("GET", `repositories/${id}/tags`)).items[0];
  await many(TAGS, (i) => server.api("PUT", `repositories/${id}/tags/v1.${i}`, { from: digest }));
  const bare = await timed(() => server.api("GET", `repositories/${id}/tags?limit=25`));
  const found = await timed(() => server.api("GET", `repositories/${id}/tags?limit=25&q=9876`));
  const rows = page.locator("tbody tr");
  const shown = await timed(async () => {
    await page.goto(`${server.url}/repositories/${name}/-/versions`);
    await rows.nth(24).waitFor();
  });
  line(`Image Version of ${TAGS} tags, loaded anew: rows on screen`, shown, 500, `${bare.toFixed(1)} the request`);
  const search = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    await page.goto(`${server.url}/repositories/${name}/-/versions`);
    await rows.nth(24).waitFor();
    await page.getByLabel("Search tags").fill("987");
    await page.waitForURL("**q=987");
    await page.keyboard.press("6");
    const began = performance.now();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1 && document.querySelector("tbody tr").textContent.includes("9876"));
    search.push(performance.now() - began);
  }
  line("  a part of the name typed: from the last key to the row", median(search), 500, `${found.toFixed(1)} the request`);
}

async function preview(server, page) {
  const name = "bench/refs";
  await start(server, name, "FROM alpine\n", ["linux/amd64"]);
  await server.push(name, { Dockerfile: "FROM alpine\n" }, ...Array.from({ length: REFS }, (_, i) => `topic/${i}`));
  await server.built(name);
  const rule = { refType: "GIT_BRANCH", pattern: "topic/(?<n>\\d)1", imageTags: [{ version: "${n}" }] };
  const bare = await timed(() => server.api("POST", `repositories/${encodeURIComponent(name)}/rules:preview`, { rule }));
  const took = [];
  await page.goto(`${server.url}/repositories/${name}/-/build/rules/new`);
  const field = page.locator("#pattern");
  for (let i = 0; i < ROUNDS; i += 1) {
    await field.fill(`topic/${i + 1}`);
    await page.locator(".preview").getByText(`topic/${i + 1}`, { exact: true }).first().waitFor();
    await field.press("End");
    await page.keyboard.press("7");
    const began = performance.now();
    await page.locator(".preview").getByText(`topic/${i + 1}7`, { exact: true }).first().waitFor();
    took.push(performance.now() - began);
  }
  line(`rule wizard, ${REFS} branches: from the last key to the preview`, median(took), 200, `${bare.toFixed(1)} the request`);
}

async function million(browser, server, page) {
  const name = "bench/lines";
  const build = await start(server, name, `FROM alpine\nRUN seq 1 ${LINES}\n`, ["linux/amd64"]);
  await server.built(name);
  const bare = await timed(() => server.api("GET", `builds/${build.id}/log?from=0&limit=200`));
  const first = await timed(async () => {
    await page.goto(server.url + pathOf(name, build));
    await page.locator(".log-rows .log-text", { hasText: /./ }).first().waitFor();
  });
  line(`log of ${LINES} lines, loaded anew: first screen`, first, 1000, `${bare.toFixed(1)} the request`);
  line("  rows in the document", await page.locator(".log-row").count(), 400, "", "rows");
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.collectGarbage");
  line("  heap", (await cdp.send("Runtime.getHeapUsage")).usedSize / 1e6, 100, "", "MB");
}

/** A step prints the machine's uptime; the page notes when a number is first on screen. */
async function live(server, page) {
  const dockerfile = `FROM alpine\nRUN sleep 3; for i in $(seq 1 ${LIVE_LINES}); do cat /proc/uptime; sleep 0.05; done; sleep 2\n`;
  const build = await start(server, "bench/live", dockerfile, ["linux/amd64"]);
  await page.goto(server.url + pathOf("bench/live", build));
  await page.locator(".log-rows").waitFor();
  const boot = Date.now() - Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  await page.evaluate((booted) => {
    window.kilnSeen = new Map();
    const look = () => {
      for (const { textContent } of document.querySelectorAll(".log-rows .log-text")) {
        const said = /^(\d+\.\d\d) \d+\.\d\d$/.exec(textContent);
        if (said && !window.kilnSeen.has(said[1])) window.kilnSeen.set(said[1], Date.now() - booted - Number(said[1]) * 1000);
      }
      requestAnimationFrame(look);
    };
    look();
  }, boot);
  await server.built("bench/live");
  const took = await page.evaluate(() => [...window.kilnSeen.values()]);
  line(`live line on screen after it was written, 95th percentile of ${took.length}`, part(took, 0.95), 250, `${median(took).toFixed(0)} the median`);
}

const server = new Server(process.argv[2]);
await server.start();
try {
  await server.makeBase();
  const browser = await new Browser().open(server.kiln, server.url);
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await start(server, "bench/tags", "FROM alpine\n", ["linux/amd64"]);
  await server.built("bench/tags");
  await interactive(browser, server, await page.context().storageState());
  for (const figure of [tags, preview]) await figure(server, page);
  await million(browser, server, page);
  await live(server, page);
  await browser.close();
} finally {
  await server.remove();
}
