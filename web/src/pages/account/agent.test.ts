import { expect, test } from "vitest";
import { agentOf } from "./agent";

const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";

test("a browser is named by what only it says", () => {
  const named = (text: string) => {
    const agent = agentOf(text);
    return agent && `${agent.browser}, ${agent.system}`;
  };
  expect(named(`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/141.0.0.0 Safari/537.36`)).toBe("Chrome 141, Linux");
  expect(named(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0`)).toBe("Edge 141, Windows");
  expect(named("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0")).toBe("Firefox 140, Android");
  expect(named("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15")).toBe("Safari 18, macOS");
  expect(named("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1")).toBe("Safari 18, iOS");
});

test("what is no browser that is known has no name", () => {
  expect(agentOf("")).toBeNull();
  expect(agentOf("curl/8.14.1")).toBeNull();
  expect(agentOf("Firefox/140.0")).toEqual({ browser: "Firefox 140", system: null });
});
