// The log viewer: a million lines, search, links, folding, colours and hostile text, live lines and a connection that is lost.
import { join } from "node:path";
import { axe, clipboard } from "./browser.mjs";
import { Gate, pathOf, start, TWO, Wire } from "./builds.mjs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const MILLION = 1_000_000;
const MOST_ROWS = 400;
const MOST_HEAP = 100e6;

const SCREEN = String.raw`FROM alpine
ARG TARGETARCH
RUN for i in $(seq 1 40); do echo "$TARGETARCH one $i"; done; echo "needle in a haystack of $TARGETARCH"
RUN printf 'progress 1%%\rprogress 100%%\n'; printf '\033[31mred\033[0m \033[38;2;255;255;0mbright\033[0m\n'; \
    printf '\033]8;;https://example.org/\033\\good link\033]8;;\033\\ \033]8;;javascript:alert(4)\033\\bad link\033]8;;\033\\\n'; \
    echo '<script>alert(5)</script><img src=x onerror=alert(6)>'; printf '\033[2J\033]0;title\007after\n'; \
    echo a long line $(seq 1 400)
`;

/** Number and text of the rows on screen, once all of them have their text. */
function rows(page) {
  return waitFor("all rows on screen have their text", async () => {
    const all = await page.$$eval(".log-rows .log-row:not(.log-head)", (list) =>
      list.map((r) => [Number(r.querySelector(".log-no").textContent), r.querySelector(".log-text").textContent]),
    );
    return all.length > 0 && all.every(([, text]) => text !== "") ? all : null;
  });
}

const scrollTo = (page, part) =>
  page.$eval(".log-scroll", (e, p) => {
    e.scrollTop = (e.scrollHeight - e.clientHeight) * p;
  }, part);

/** Those of the million follow each other, behind what the server said first; it may say a few lines in between. */
function expectNumbers(list, first) {
  const numbers = list.filter(([, text]) => /^\d+$/.test(text)).map(([n, text]) => [n, Number(text)]);
  for (const [i, [n, value]] of numbers.entries()) {
    expect(n - first - value >= 0 && n - first - value < 9, `line ${n} is ${value}`);
    if (i > 0) expectEqual(value, numbers[i - 1][1] + 1, "the number in the line behind");
  }
  expect(numbers.length > 0, "there are numbers");
}

async function million(browser, server, page) {
  const build = await start(server, "logs/million", `FROM alpine\nRUN seq 1 ${MILLION}\n`, ["linux/amd64"]);
  await server.built("logs/million");
  const found = await server.api("GET", `builds/${build.id}/log/search?q=%5E1%24&regex=1&stream=stdout`);
  const first = found.lines[0].n;
  const at = server.url + pathOf("logs/million", build);

  await check("log: a million lines, the first screen", async () => {
    const begin = Date.now();
    await page.goto(at);
    const list = await rows(page);
    console.log(`        first screen after ${Date.now() - begin} ms`);
    expectNumbers(list, first);
    expectEqual(list[0][0], 1, "first line");
    await page.screenshot({ path: join(browser.shots, "log-million.png") });
  });
  await check("log: any place by the scroll bar, rows that follow each other, at most 400 of them", async () => {
    for (const part of [0.5, 0.25, 0.999, 1, 0.7771, 0.0001, 0]) {
      await scrollTo(page, part);
      const near = part * MILLION;
      const list = await waitFor(`lines near ${near}`, async () => {
        const now = await rows(page);
        return Math.abs(now[0][0] - near) < MILLION / 500 + 100 ? now : null;
      });
      expectNumbers(list, first);
      const count = await page.locator(".log-row").count();
      expect(count < MOST_ROWS, `${count} rows`);
    }
  });
  await check("log: keys and wheel move by what they say, far from both ends too", async () => {
    await page.locator(".log-scroll").focus();
    await page.keyboard.press("End");
    await waitFor("the end", async () => (await rows(page)).at(-1)[1].startsWith("published"));
    await page.keyboard.press("Home");
    await waitFor("the beginning", async () => (await rows(page))[0][0] === 1);
    await scrollTo(page, 0.5);
    const before = await waitFor("the middle", async () => {
      const [[n]] = await rows(page);
      return n > MILLION / 3 ? n : null;
    });
    await page.keyboard.press("ArrowDown");
    await waitFor("one row down", async () => (await rows(page))[0][0] === before + 1);
    await page.keyboard.press("ArrowUp");
    await waitFor("one row up", async () => (await rows(page))[0][0] === before);
    await page.locator(".log-scroll").hover();
    await page.mouse.wheel(0, 200);
    await waitFor("ten rows down", async () => (await rows(page))[0][0] === before + 10);
  });
  await check("log: search over the whole log, its place among all, next, previous, around the end", async () => {
    const count = page.locator(".log-count");
    const hit = page.locator(".log-rows .log-hit .log-text");
    await scrollTo(page, 0);
    await page.keyboard.press("/");
    await page.keyboard.type("99999");
    await count.filter({ hasText: "1 of 19" }).waitFor();
    await hit.filter({ hasText: /^99999$/ }).waitFor();
    await page.keyboard.press("Enter");
    await count.filter({ hasText: "2 of 19" }).waitFor();
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Shift+Enter");
    await count.filter({ hasText: "19 of 19" }).waitFor();
    await hit.filter({ hasText: /^999999$/ }).waitFor();
    await page.getByRole("button", { name: "Regular expression" }).click();
    await page.getByLabel("Search the whole log").fill("^[13]0{5}$");
    await count.filter({ hasText: "of 2" }).waitFor();
    await page.getByLabel("Search the whole log").fill("a(b");
    await page.getByText("parenthesis").waitFor();
    await page.getByLabel("Search the whole log").fill("");
  });
  await check("log: an address of lines shows them", async () => {
    await page.goto(`${at}#L777777-L777779`);
    await page.reload();
    await page.locator(".log-selected").nth(2).waitFor();
    const numbers = await page.$$eval(".log-selected .log-no", (list) => list.map((e) => e.textContent));
    expectEqual(numbers, ["777777", "777778", "777779"], "lines");
    await page.locator(".log-no", { hasText: "777780" }).click({ modifiers: ["Shift"] });
    await waitFor("the address", () => page.url().endsWith("#L777777-L777780"));
    await page.getByRole("button", { name: "Copy lines" }).click();
    const { lines } = await server.api("GET", `builds/${build.id}/log?from=777776&limit=4`);
    const wanted = lines.map((l) => l.text).join("\n");
    await waitFor("the clipboard", async () => (await clipboard(page)) === wanted);
  });
  await check("log: wrapped and by time, the same places", async () => {
    for (const key of ["w", "o"]) {
      await page.keyboard.press(key);
      await page.locator(".log-scroll").focus();
      await page.keyboard.press("End");
      await waitFor("the end", async () => (await rows(page)).at(-1)[1].startsWith("published"));
      await scrollTo(page, 0.3);
      expectNumbers(await rows(page), first);
    }
  });
  await check("log: little memory", async () => {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("HeapProfiler.collectGarbage");
    const { usedSize } = await cdp.send("Runtime.getHeapUsage");
    console.log(`        heap ${(usedSize / 1e6).toFixed(1)} MB`);
    expect(usedSize < MOST_HEAP, `${usedSize} bytes`);
  });
}

async function screen(browser, server, page) {
  const build = await start(server, "logs/screen", SCREEN, TWO);
  await server.built("logs/screen");
  const at = server.url + pathOf("logs/screen", build);
  const text = (words) => page.locator(".log-text", { hasText: words }).first();

  await check("log: colours, progress and links as a terminal shows them; hostile text stays text", async () => {
    await page.goto(at);
    await page.locator(".log-head").first().waitFor();
    await page.getByLabel("Search the whole log").fill("<script>");
    await text("<script>alert(5)</script><img src=x onerror=alert(6)>").waitFor();
    await text(/^progress 100%$/).waitFor();
    expectEqual(await text("red bright").locator("span").first().getAttribute("class"), "log-c1", "red");
    await text(/^after$/).waitFor();
    const links = await page.$$eval(".log-text a", (list) => [...new Set(list.map((a) => `${a.textContent} ${a.href}`))]);
    expectEqual(links, ["good link https://example.org/"], "links");
    expectEqual(await page.$$eval(".log-host script, .log-host img, .log-host [style*=expression]", (l) => l.length), 0, "elements");
    await page.screenshot({ path: join(browser.shots, "log-screen.png") });
  });
  await check("log: steps fold and unfold, and say so", async () => {
    await page.goto(at);
    const head = page.locator(".log-rows .log-fold", { hasText: "RUN for i" }).first();
    const before = await rows(page);
    await head.click();
    await waitFor("fewer lines of it", async () => JSON.stringify(await rows(page)) !== JSON.stringify(before));
    expectEqual(await page.locator(".log-rows .log-fold[aria-expanded=false]").count(), 1, "folded");
    await page.locator(".log-rows .log-fold[aria-expanded=false]").click();
    await waitFor("the lines again", async () => JSON.stringify(await rows(page)) === JSON.stringify(before));
  });
  await check("log: one architecture has its own lines, and the address says which", async () => {
    await page.getByRole("button", { name: /linux\/arm64/ }).first().click();
    await page.waitForURL("**arch=linux*arm64*");
    await page.getByLabel("Search the whole log").fill("needle");
    await page.locator(".log-count", { hasText: "1 of 1" }).waitFor();
    await text("haystack of arm64").waitFor();
    await page.getByLabel("Search the whole log").fill("");
    await page.keyboard.press("Escape");
  });
  await check("log: selecting with the mouse copies the text without numbers", async () => {
    await page.goto(`${at}#L1`);
    await page.reload();
    const list = await rows(page);
    await page.evaluate(() => {
      const texts = document.querySelectorAll(".log-rows .log-row:not(.log-head) .log-text");
      getSelection().setBaseAndExtent(texts[0], 0, texts[2], texts[2].childNodes.length);
    });
    await page.locator(".log-scroll").focus();
    await page.keyboard.press("Control+c");
    const wanted = list.slice(0, 3).map(([, words]) => words).join("\n");
    await waitFor("the clipboard", async () => (await clipboard(page)) === wanted);
  });
  await check("log: times, and the text for screen readers", async () => {
    await page.keyboard.press("m");
    await page.locator(".log-time", { hasText: /^\+0:\d\d\.\d$/ }).first().waitFor();
    await page.keyboard.press("m");
    await page.locator(".log-time", { hasText: /^\d\d:\d\d:\d\d\.\d{3}$/ }).first().waitFor();
    await page.getByRole("button", { name: "Plain text" }).click();
    await page.getByRole("region", { name: "Plain text" }).getByText("needle in a haystack of arm64").waitFor();
    await page.mouse.move(0, 0);
    await page.locator(".ant-tooltip").first().waitFor({ state: "hidden" });
    expectEqual(await axe(page, browser.axePath), [], "axe-core");
  });
}

async function live(browser, server) {
  const wire = await new Wire().start(server.port);
  const gates = [await new Gate().start(), await new Gate().start()];
  const dockerfile = `FROM alpine\nRUN for i in $(seq 1 200); do echo "first $i"; done; ${gates[0].pass}; \
for i in $(seq 1 200); do echo "second $i"; done; ${gates[1].pass}; for i in $(seq 1 3); do echo "third $i"; done\n`;
  const build = await start(server, "logs/live", dockerfile, ["linux/amd64"]);
  const page = await browser.page();
  const shown = (words) => waitFor(`${words} is on screen`, async () => (await rows(page)).some(([, text]) => text === words));
  await signIn(page, wire.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();

  await check("log: lines come live, and the newest is on screen", async () => {
    await page.goto(wire.url + pathOf("logs/live", build));
    await shown("first 200");
  });
  await check("log: scrolling up ends following, the button goes back to the newest", async () => {
    await page.locator(".log-scroll").hover();
    await page.mouse.wheel(0, -400);
    await page.getByRole("button", { name: "Jump to newest" }).waitFor();
    const place = (await rows(page))[0][0];
    gates[0].open();
    await page.getByRole("button", { name: /2\d\d new lines/ }).waitFor();
    expectEqual((await rows(page))[0][0], place, "the place");
    await page.getByRole("button", { name: /new lines/ }).click();
    await shown("second 200");
  });
  await check("log: a lost connection is told, and no line is missing when it is back", async () => {
    wire.cut();
    await page.locator(".log-note", { hasText: "The connection is lost" }).waitFor();
    gates[1].open();
    await server.built("logs/live");
    wire.mend();
    await page.getByText("All architectures are published").waitFor();
    await page.keyboard.press("f");
    await waitFor("the end", async () => (await rows(page)).at(-1)[1].startsWith("published"));
    const list = await rows(page);
    const { lines } = await server.api("GET", `builds/${build.id}/log?tail=${list.length}`);
    expectEqual(list, lines.map((l) => [l.n + 1, l.text]), "lines");
  });
  await page.context().close();
  for (const each of [...gates, wire]) each.close();
}

export async function log(browser, server) {
  const page = await browser.page();
  await signIn(page, server.url);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await million(browser, server, page);
  await screen(browser, server, page);
  await check("log: no error, no violation, no other host", () => expectEqual(page.faults, [], "faults"));
  await page.context().close();
  await live(browser, server);
}
