import { describe, expect, it } from "vitest";
import { parseAnsi, plainText, RGB, safeHref } from "./ansi";

const shown = (line: string) => plainText(line);
const styles = (line: string) => parseAnsi(line).map((s) => [s.text, s.style.fg, s.style.bg]);

describe("colours", () => {
  it.each([
    ["\x1b[31mred\x1b[0m plain", [["red", 1, -1], [" plain", -1, -1]]],
    ["\x1b[91;104mx", [["x", 9, 12]]],
    ["\x1b[38;5;208mx\x1b[39my", [["x", 208, -1], ["y", -1, -1]]],
    ["\x1b[38;2;1;2;3;48;5;7mx", [["x", RGB | 0x010203, 7]]],
    ["\x1b[38:2::1:2:3mx", [["x", RGB | 0x010203, -1]]],
    ["\x1b[38:5:9mx", [["x", 9, -1]]],
    ["\x1b[38;2;999;0;0mx", [["x", RGB | 0xff0000, -1]]],
    ["\x1b[mx", [["x", -1, -1]]],
    ["\x1b[38mx", [["x", -1, -1]]],
  ])("%j", (line, want) => expect(styles(line)).toEqual(want));

  it("has the other attributes", () => {
    const [span] = parseAnsi("\x1b[1;2;3;4;7;9mx");
    expect(span?.style).toMatchObject({ bold: true, dim: true, italic: true, underline: true, inverse: true, strike: true });
    const [, off] = parseAnsi("\x1b[1;2;3;4;7;9mx\x1b[22;23;24;27;29my");
    expect(off?.style).toMatchObject({ bold: false, dim: false, italic: false, underline: false, inverse: false, strike: false });
  });
});

describe("movements within the line", () => {
  it.each([
    ["five\rover", "over"],
    ["longer\rab", "abnger"],
    ["four\r", "four"],
    ["abc\b\bX", "aXc"],
    ["abc\r\x1b[Kx", "x"],
    ["abcdef\x1b[3D\x1b[K", "abc"],
    ["abc\x1b[1Gx", "xbc"],
    ["abc\x1b[2Kx", "   x"],
    ["a\x1b[3Cb", "a   b"],
    ["a\tb\rc", "c       b"],
    ["10%\r50%\r100%", "100%"],
    ["e\u0301\rx", "x"],
    ["\x1b[999999999Cx", ""],
  ])("%j", (line, want) => expect(shown(line).trimEnd()).toBe(want));
});

describe("what is dropped", () => {
  it.each([
    ["a\x1b[2Jb\x1b[5Ac\x1b[?25ld", "abcd"],
    ["a\x1b]0;title\x07b", "ab"],
    ["a\x1bPq#0;2\x1b\\b", "ab"],
    ["a\x1b_apc\x1b\\b", "ab"],
    ["a\x1b(Bb\x1b7c", "abc"],
    ["a\x00\x01\x7f\x85b", "ab"],
    ["a\x1b[31", "a"],
    ["a\x1b", "a"],
    ["a\x1b]8;;http://x", "a"],
    ["a\nb", "a↵b"],
    ["ab\u202etxt.exe", "abtxt.exe"],
    ["\x9b31mred", "red"],
  ])("%j", (line, want) => expect(shown(line)).toBe(want));
});

describe("links", () => {
  it("only of http and https", () => {
    const spans = parseAnsi("\x1b]8;;https://kiln.example/a?b\x1b\\text\x1b]8;;\x1b\\ after");
    expect(spans.map((s) => [s.text, s.style.href])).toEqual([["text", "https://kiln.example/a?b"], [" after", null]]);
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "file:///etc", "//host", "ftp://a", "java\nscript:1", "http://", ""]) {
      expect(safeHref(bad), bad).toBeNull();
      expect(parseAnsi(`\x1b]8;;${bad}\x07x`)[0]?.style.href ?? null).toBeNull();
    }
  });
  it("ends with a reset only by its own end", () => {
    expect(parseAnsi("\x1b]8;;http://a/\x07\x1b[1mx\x1b[0my").map((s) => s.style.href)).toEqual(["http://a/", "http://a/"]);
  });
});

it("leaves plain text as it is", () => {
  expect(parseAnsi("<b>&\"\t ünïcödé 😀")).toMatchObject([{ text: "<b>&\"\t ünïcödé 😀" }]);
  expect(parseAnsi("")).toEqual([]);
});

it("a line of 16 KiB of escapes takes no time to speak of", () => {
  for (const unit of ["\x1b[31mx", "\x1b]8;;http://a/\x07", "\r\x1b[9999C", "\x1b[", "\x1b]", "a\b"]) {
    const line = unit.repeat(Math.ceil(16384 / unit.length));
    expect(shown(line).length).toBeLessThanOrEqual(16384 * 2);
  }
});
