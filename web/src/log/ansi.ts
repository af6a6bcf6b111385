// One line of output as a terminal would show it: SGR colours, carriage returns, backspaces and erasing within the line, and
// OSC 8 links to http(s). Every other control is dropped, and so are the characters that turn the direction of text around.

/** -1: the default; 0 to 255: the palette; RGB | rgb: true colour. */
export type Color = number;
export const RGB = 0x1000000;

export interface Style {
  fg: Color;
  bg: Color;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
  href: string | null;
}

export interface Span {
  text: string;
  style: Style;
}

export const PLAIN: Style = Object.freeze({
  fg: -1,
  bg: -1,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
  href: null,
});

const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
const DROPPED = /[\u202a-\u202e\u2066-\u2069]/;
const JOINS = /^[\p{M}\u200d\ufe0f]$/u;
const MOST_COLUMNS = 16_384; // as long as the server lets a line be
const MOST_HREF = 2048;

interface Cell {
  text: string;
  style: Style;
}

/** The spans of a line; neighbours with the same style are one. */
export function parseAnsi(line: string): Span[] {
  if (!CONTROL.test(line)) return line ? [{ text: line, style: PLAIN }] : [];
  const screen = new Screen();
  new Parser(line, screen).run();
  return screen.spans();
}

/** What parseAnsi() shows, without style. */
export function plainText(line: string): string {
  return CONTROL.test(line) ? parseAnsi(line).map((s) => s.text).join("") : line;
}

class Screen {
  style = PLAIN;
  private cells: Cell[] = [];
  private column = 0;

  write(text: string) {
    if (JOINS.test(text) && this.column > 0) {
      const before = this.cells[this.column - 1];
      if (before) this.cells[this.column - 1] = { text: before.text + text, style: before.style };
      return;
    }
    if (this.column >= MOST_COLUMNS) return;
    this.pad(this.column);
    this.cells[this.column] = { text, style: this.style };
    this.column += 1;
  }

  tab() {
    this.moveTo(this.column + 8 - (this.column % 8));
    this.pad(this.column);
  }

  moveTo(column: number) {
    this.column = Math.min(Math.max(column, 0), MOST_COLUMNS);
  }

  moveBy(columns: number) {
    this.moveTo(this.column + columns);
  }

  erase(what: number) {
    if (what === 0) this.cells.length = Math.min(this.cells.length, this.column);
    if (what === 1) for (let i = 0; i <= this.column && i < this.cells.length; i++) this.cells[i] = { text: " ", style: PLAIN };
    if (what === 2) this.cells = [];
  }

  spans(): Span[] {
    const out: Span[] = [];
    for (const cell of this.cells) {
      const last = out[out.length - 1];
      if (last && last.style === cell.style) last.text += cell.text;
      else out.push({ ...cell });
    }
    return out;
  }

  private pad(columns: number) {
    while (this.cells.length < columns) this.cells.push({ text: " ", style: PLAIN });
  }
}

class Parser {
  private at = 0;

  constructor(
    private readonly line: string,
    private readonly screen: Screen,
  ) {}

  run() {
    while (this.at < this.line.length) {
      const text = String.fromCodePoint(this.line.codePointAt(this.at) as number);
      this.at += text.length;
      this.character(text);
    }
  }

  private character(text: string) {
    const code = text.charCodeAt(0);
    if (text === "\x1b") this.escape();
    else if (text === "\x9b") this.csi();
    else if (text === "\x9d") this.osc();
    else if (text === "\r") this.screen.moveTo(0);
    else if (text === "\b") this.screen.moveBy(-1);
    else if (text === "\t") this.screen.tab();
    else if (text === "\n") this.screen.write("↵"); // of a message in several lines: a row is one
    else if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || DROPPED.test(text)) return;
    else this.screen.write(text);
  }

  private escape() {
    const kind = this.line[this.at];
    this.at += 1;
    if (kind === "[") this.csi();
    else if (kind === "]") this.osc();
    else if (kind !== undefined && "PX^_".includes(kind)) this.string();
    else while (this.line[this.at - 1] && /[ -/]/.test(this.line[this.at - 1] as string)) this.at += 1;
  }

  private csi() {
    const found = /[0-?]*[ -/]*([@-~])/y;
    found.lastIndex = this.at;
    const match = found.exec(this.line);
    if (!match) {
      this.at = this.line.length; // cut off: nothing of it is text
      return;
    }
    this.at = found.lastIndex;
    const parameters = match[0].slice(0, -1);
    if (!/^[0-9;:]*$/.test(parameters)) return;
    this.control(match[1] as string, parameters);
  }

  private control(final: string, parameters: string) {
    const n = Number.parseInt(parameters, 10);
    const count = n > 0 ? n : 1;
    if (final === "m") this.screen.style = sgr(this.screen.style, parameters);
    else if (final === "K") this.screen.erase(Number.isNaN(n) ? 0 : n);
    else if (final === "G") this.screen.moveTo(count - 1);
    else if (final === "C") this.screen.moveBy(count);
    else if (final === "D") this.screen.moveBy(-count);
  }

  /** The text up to BEL or ST. */
  private string(): string {
    const end = /\x07|\x1b\\|\x9c/g;
    end.lastIndex = this.at;
    const match = end.exec(this.line);
    const text = this.line.slice(this.at, match ? match.index : undefined);
    this.at = match ? end.lastIndex : this.line.length;
    return text;
  }

  private osc() {
    const link = /^8;[^;]*;(.*)$/s.exec(this.string());
    if (link) this.screen.style = { ...this.screen.style, href: safeHref(link[1] as string) };
  }
}

/** The address when it is one of http or https. */
export function safeHref(text: string): string | null {
  if (!text || text.length > MOST_HREF || !/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

function sgr(style: Style, parameters: string): Style {
  const next = { ...style };
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i++) {
    const parts = (codes[i] as string).split(":");
    const code = Number(parts[0] || 0);
    if (code !== 38 && code !== 48) {
      apply(next, code, parts[1] === "0");
      continue;
    }
    const spread = parts.length > 1;
    const [color, used] = extended(spread ? parts.slice(1) : codes.slice(i + 1), spread);
    if (!spread) i += used;
    if (color >= 0) next[code === 38 ? "fg" : "bg"] = color;
  }
  return next;
}

/** 5;N, 2;R;G;B, and with colons 2::R:G:B too: the colour, and how many numbers it took. */
function extended(codes: string[], colons: boolean): [Color, number] {
  const byte = (text: string | undefined) => Math.min(Number(text || 0), 255);
  if (codes[0] === "5") return [byte(codes[1]), 2];
  if (codes[0] !== "2") return [-1, 1];
  const from = colons && codes.length > 4 ? 2 : 1;
  return [RGB | (byte(codes[from]) << 16) | (byte(codes[from + 1]) << 8) | byte(codes[from + 2]), 4];
}

function apply(style: Style, code: number, off: boolean) {
  if (code === 0) Object.assign(style, PLAIN, { href: style.href });
  else if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 3) style.italic = true;
  else if (code === 4 || code === 21) style.underline = !off;
  else if (code === 7) style.inverse = true;
  else if (code === 9) style.strike = true;
  else if (code === 22) style.bold = style.dim = false;
  else if (code === 23) style.italic = false;
  else if (code === 24) style.underline = false;
  else if (code === 27) style.inverse = false;
  else if (code === 29) style.strike = false;
  else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code === 39) style.fg = -1;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code === 49) style.bg = -1;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
}
