import { describe, expect, it } from "vitest";
import { PLAIN, RGB } from "./ansi";
import { contrast, DARK, LIGHT, paint, readable, type Rgb, toRgb } from "./colors";
import css from "./log.css?raw";

const hex = (c: Rgb) => `#${c.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
const parse = (text: string): Rgb => text.match(/\d+/g)?.map(Number) as unknown as Rgb;

describe.each([
  ["light", LIGHT, css.slice(0, css.indexOf(":root[data-theme"))],
  ["dark", DARK, css.slice(css.indexOf(":root[data-theme"), css.indexOf(".log-scroll"))],
] as const)("%s", (_name, theme, sheet) => {
  const value = (name: string) => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(sheet)?.[1];

  it("is the same in log.css", () => {
    expect(value("log-bg")).toBe(hex(theme.ground));
    expect(value("log-fg")).toBe(hex(theme.text));
    expect([value("log-selected"), value("log-hit")]).toEqual(theme.marked.map(hex));
    expect(theme.palette.map((_c, i) => value(`c${i}`))).toEqual(theme.palette.map(hex));
  });

  it("can be read on every background", () => {
    const quiet = [1, 3, 5].map((i) => Number.parseInt((value("log-quiet") as string).slice(i, i + 2), 16)) as unknown as Rgb;
    for (const color of [...theme.palette, theme.text, quiet]) {
      for (const ground of [theme.ground, ...theme.marked]) {
        expect(contrast(color, ground), `${hex(color)} on ${hex(ground)}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it("makes every other colour readable", () => {
    for (let i = 0; i < 256; i++) {
      for (const bg of [-1, i ^ 0x5a, RGB | (i * 0x010203)]) {
        for (const inverse of [false, true]) {
          const p = paint({ ...PLAIN, fg: RGB | (i * 0x030201), bg, inverse }, theme);
          const grounds = p?.bg ? [parse(p.bg)] : [theme.ground, ...theme.marked];
          for (const g of grounds) expect(contrast(parse(p?.fg as string), g)).toBeGreaterThanOrEqual(4.5);
        }
      }
    }
  });
});

it("knows the 256 colours", () => {
  expect([16, 21, 196, 208, 231, 232, 255].map((c) => hex(toRgb(c, LIGHT)))).toEqual([
    "#000000", "#0000ff", "#ff0000", "#ff8700", "#ffffff", "#080808", "#eeeeee",
  ]);
});

it("changes no colour that can be read", () => {
  expect(readable([0, 0, 0], [[255, 255, 255]])).toEqual([0, 0, 0]);
});
