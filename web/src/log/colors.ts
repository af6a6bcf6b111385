// Colours of the output, moved until they can be read: at least 4.5:1 against what is behind them, in both themes.
import { type Color, RGB, type Style } from "./ansi";

export type Rgb = readonly [number, number, number];

export interface Theme {
  ground: Rgb;
  /** Of the lines that are marked: selected, found. */
  marked: Rgb[];
  text: Rgb;
  palette: Rgb[]; // 16
}

const rgb = (hex: string): Rgb => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as unknown as Rgb;
const palette = (hex: string) => hex.split(" ").map(rgb);

// log.css has the same values; the test compares them.
export const LIGHT: Theme = {
  ground: rgb("ffffff"),
  marked: palette("fff3bf e8f0fe"),
  text: rgb("1f2328"),
  palette: palette(
    "24292f a40e26 14602a 6a4a00 0a4bb8 7a1fa2 005c63 4a525a " + "555d66 b3261e 186a30 744f00 1558c0 8a24a8 00646b 3d444d",
  ),
};
export const DARK: Theme = {
  ground: rgb("141414"),
  marked: palette("3a3212 1d2b45"),
  text: rgb("e6e6e6"),
  palette: palette(
    "a3abb5 ff8a80 7ee787 e3b341 79c0ff d2a8ff 56d4dd d1d7e0 " + "b1bac4 ffaba8 aff5b4 f8e3a1 a5d6ff e2c5ff b3f0ff ffffff",
  ),
};

/** WCAG 2.2 "relative luminance". */
function luminance(c: Rgb): number {
  const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

const mix = (a: Rgb, b: Rgb, part: number) => a.map((v, i) => Math.round(v + ((b[i] as number) - v) * part)) as unknown as Rgb;

/** `color`, or the nearest to it on the way to black or white that can be read on all of `grounds`. */
export function readable(color: Rgb, grounds: Rgb[]): Rgb {
  const least = (c: Rgb) => Math.min(...grounds.map((g) => contrast(c, g)));
  if (least(color) >= 4.5) return color;
  const [black, white]: Rgb[] = [rgb("000000"), rgb("ffffff")] as [Rgb, Rgb];
  const to = least(black as Rgb) > least(white as Rgb) ? black : white;
  for (let part = 0.1; part < 1; part += 0.1) {
    const next = mix(color, to as Rgb, part);
    if (least(next) >= 4.5) return next;
  }
  return to as Rgb;
}

/** The cube and the greys of xterm's 256 colours; the first 16 are the theme's. */
export function toRgb(color: Color, theme: Theme): Rgb {
  if (color & RGB) return [(color >> 16) & 255, (color >> 8) & 255, color & 255];
  if (color < 16) return theme.palette[color] as Rgb;
  if (color >= 232) return rgb((8 + (color - 232) * 10).toString(16).padStart(2, "0").repeat(3));
  const level = (n: number) => (n ? 55 + n * 40 : 0);
  const at = color - 16;
  return [level(Math.floor(at / 36)), level(Math.floor(at / 6) % 6), level(at % 6)];
}

export interface Paint {
  fg: string | null;
  bg: string | null;
}

const css = (c: Rgb) => `rgb(${c.join(" ")})`;

/** What a style needs beyond a class name: null when class names say it all. */
export function paint(style: Style, theme: Theme): Paint | null {
  if (!style.inverse && style.bg < 0 && style.fg < 16) return null;
  let fg = style.fg < 0 ? theme.text : toRgb(style.fg, theme);
  let bg = style.bg < 0 ? null : toRgb(style.bg, theme);
  if (style.inverse) [fg, bg] = [bg ?? theme.ground, fg];
  const grounds = bg ? [bg] : [theme.ground, ...theme.marked];
  return { fg: css(readable(fg, grounds)), bg: bg && css(bg) };
}
