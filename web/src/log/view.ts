// The rows on screen. However long the log is, only the rows that can be seen are in the document, at most some hundred.
//
// 1. The place is a row (`top`) and how much of it is above the edge (`offset`), not a number of pixels of the whole log.
// 2. The scroll bar belongs to an element as high as all rows, or MOST_HEIGHT where browsers would give up. Then a pixel of the
//    bar is many rows: short movements (wheel, keys, touch) are taken as pixels of rows and the bar is put right when they end;
//    long ones (the bar itself) are taken as a part of the whole.
// 3. The rows lie in a box that sticks to the edge, so that scrolling never shows a part that is not drawn.
// 4. Rows have one height, unless long lines are wrapped; then those on screen are measured.
import { parseAnsi } from "./ansi";
import type { LogLine } from "./cache";
import type { Layout, Row, Section } from "./layout";
import { rangesOf, showSpans } from "./spans";

export const ROW_HEIGHT = 20;
const MOST_HEIGHT = 8_000_000;
const CALM_MS = 150;
const SHORT = 2; // screens: a longer movement is one of the scroll bar

export interface HeadText {
  state: string;
  stateLabel: string;
  title: string;
  detail: string;
}

export interface Delegate {
  line(n: number): LogLine | undefined;
  /** Rows that are on screen and not known. */
  wanted(rows: Array<Row & { kind: "line" }>): void;
  head(section: Section): HeadText;
  time(line: LogLine, before: LogLine | undefined): { text: string; gap: string | null };
  /** Of line `n`, for "copy the address". */
  href(n: number): string;
  fold(section: Section): void;
  choose(n: number, extend: boolean): void;
  /** The reader went up, or came to another place. */
  moved(up: boolean): void;
}

export interface Look {
  wrap: boolean;
  times: boolean;
  platforms: boolean;
  find: { text: string; ignoreCase: boolean } | null;
}

interface Drawn {
  element: HTMLElement;
  known: boolean;
}

export class LogView {
  readonly scroller = document.createElement("div");
  private readonly box = document.createElement("div");
  private readonly rows = document.createElement("div");
  private readonly size = document.createElement("div");
  private readonly sticky = document.createElement("div");
  private readonly drawn = new Map<number, Drawn>();
  private layout: Layout | null = null;
  private look: Look = { wrap: false, times: false, platforms: false, find: null };
  private top = 0;
  private offset = 0;
  private atEnd = false; // stay there
  private height = 0; // of what is seen
  private lastScroll = 0;
  private calm: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private readonly resize = new ResizeObserver(() => this.resized());
  private selected: readonly [number, number] | null = null;
  private hit = -1;

  constructor(
    private readonly host: HTMLElement,
    private readonly delegate: Delegate,
    label: string,
  ) {
    host.classList.add("log");
    this.scroller.className = "log-scroll";
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("role", "region");
    this.scroller.setAttribute("aria-label", label);
    this.box.className = "log-box";
    this.rows.className = "log-rows";
    this.sticky.className = "log-sticky";
    this.sticky.setAttribute("aria-hidden", "true");
    this.box.append(this.rows);
    this.scroller.append(this.box, this.size);
    host.append(this.scroller, this.sticky);
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.scroller.addEventListener("keydown", (e) => this.key(e));
    this.scroller.addEventListener("copy", (e) => this.copy(e));
    host.addEventListener("click", (e) => this.click(e));
    this.resize.observe(this.scroller);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.calm);
    this.resize.disconnect();
    this.host.replaceChildren();
  }

  // ---- what is shown ----

  show(layout: Layout, look: Look) {
    const line = this.firstLine();
    this.layout = layout;
    this.look = look;
    this.host.classList.toggle("log-wrap", look.wrap);
    this.forget();
    if (line >= 0) this.goTo(line, 0);
    this.update();
  }

  /** Rows came, or their text. */
  update() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** Draw all rows anew: their heads changed. */
  redraw() {
    this.forget();
    this.update();
  }

  mark(selected: readonly [number, number] | null, hit: number) {
    this.selected = selected;
    this.hit = hit;
    this.update();
  }

  /** The number of the first line on screen; -1: there is none. */
  firstLine(): number {
    for (let i = this.top; this.layout && i < this.top + 3; i++) {
      const row = this.layout.row(i);
      if (row?.kind === "line") return row.n;
    }
    return -1;
  }

  /** Puts line `n` at that part of the screen, if it is shown. */
  goTo(n: number, part = 0.3) {
    const row = this.layout?.rowOf(n) ?? -1;
    if (row >= 0) this.goToRow(row, part);
  }

  goToSection(section: Section) {
    const row = this.layout?.rowOfSection(section) ?? -1;
    if (row >= 0) this.goToRow(row, 0);
  }

  goToEnd(stay: boolean) {
    this.atEnd = true;
    this.draw();
    this.atEnd = stay;
  }

  /** False: the end is not where the view stays. */
  stay(on: boolean) {
    this.atEnd = on;
    if (on) this.update();
  }

  isVisible(n: number): boolean {
    const row = this.layout?.rowOf(n) ?? -1;
    return row > this.top && row < this.top + Math.floor(this.height / ROW_HEIGHT) - 1;
  }

  private goToRow(row: number, part: number) {
    const above = Math.floor((this.height * part) / ROW_HEIGHT);
    this.atEnd = false;
    this.top = Math.max(0, row - Math.max(above, this.layout?.options.grouped && part ? 1 : 0));
    this.offset = 0;
    this.draw();
    this.placeBar();
  }

  // ---- moving ----

  private get nRows() {
    return this.layout?.nRows ?? 0;
  }

  private get exact() {
    return !this.look.wrap && this.nRows * ROW_HEIGHT <= MOST_HEIGHT;
  }

  private get barRange() {
    return Math.max(0, this.scroller.scrollHeight - this.scroller.clientHeight);
  }

  private scrolled() {
    const at = this.scroller.scrollTop;
    const by = at - this.lastScroll;
    if (by === 0) return; // sideways, or our own doing
    this.lastScroll = at;
    const range = this.barRange;
    if (by < 0) this.atEnd = false;
    if (this.exact) this.placeAt(at);
    else if (at <= 0) this.top = this.offset = 0;
    else if (at >= range - 1) this.toEnd();
    else if (Math.abs(by) <= SHORT * this.height) this.advance(by);
    else this.placeAt((at / range) * Math.max(0, this.nRows * ROW_HEIGHT - this.height));
    clearTimeout(this.calm);
    if (!this.exact) this.calm = setTimeout(() => this.placeBar(), CALM_MS);
    this.draw();
    this.delegate.moved(by < 0);
  }

  private placeAt(pixels: number) {
    this.top = Math.floor(pixels / ROW_HEIGHT);
    this.offset = this.look.wrap ? 0 : pixels - this.top * ROW_HEIGHT;
  }

  private advance(by: number) {
    if (!this.look.wrap) {
      this.placeAt(Math.max(0, this.top * ROW_HEIGHT + this.offset + by));
      return;
    }
    this.offset += by;
    if (this.offset < 0) {
      const more = Math.min(this.top, Math.ceil(-this.offset / ROW_HEIGHT));
      this.drawRows(this.top - more, more + this.most());
    }
    while (this.offset < 0 && this.top > 0) {
      this.top -= 1;
      this.offset += this.heightOf(this.top);
    }
    this.offset = Math.max(0, this.offset);
    while (this.top < this.nRows - 1 && this.offset >= this.heightOf(this.top)) {
      this.offset -= this.heightOf(this.top);
      this.top += 1;
    }
  }

  private toEnd() {
    const first = Math.max(0, this.nRows - this.most());
    if (!this.look.wrap) {
      this.placeAt(Math.max(0, this.nRows * ROW_HEIGHT - this.height));
      return;
    }
    this.drawRows(first, this.nRows - first);
    this.top = this.nRows;
    this.offset = -this.height;
    while (this.top > first && this.offset < 0) {
      this.top -= 1;
      this.offset += this.heightOf(this.top);
    }
    this.offset = Math.max(0, this.offset);
  }

  /** The scroll bar to where we are. */
  private placeBar() {
    const pixels = Math.min(this.top * ROW_HEIGHT + this.offset, Math.max(0, this.nRows * ROW_HEIGHT - this.height));
    const whole = Math.max(1, this.nRows * ROW_HEIGHT - this.height);
    const to = this.exact ? pixels : (pixels / whole) * this.barRange;
    if (Math.abs(this.scroller.scrollTop - to) >= 1) this.scroller.scrollTop = to;
    this.lastScroll = this.scroller.scrollTop;
  }

  private key(e: KeyboardEvent) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target !== this.scroller) return;
    const page = Math.max(ROW_HEIGHT, this.height - 2 * ROW_HEIGHT);
    const moves: Record<string, () => void> = {
      ArrowDown: () => this.advance(ROW_HEIGHT),
      ArrowUp: () => this.advance(-ROW_HEIGHT),
      PageDown: () => this.advance(page),
      PageUp: () => this.advance(-page),
      " ": () => this.advance(e.shiftKey ? -page : page),
      Home: () => {
        this.top = this.offset = 0;
      },
      End: () => this.toEnd(),
    };
    const move = moves[e.key];
    if (!move) return;
    e.preventDefault();
    const up = e.key === "ArrowUp" || e.key === "PageUp" || e.key === "Home" || (e.key === " " && e.shiftKey);
    if (up) this.atEnd = false;
    move();
    this.draw();
    this.placeBar();
    this.delegate.moved(up);
  }

  private resized() {
    this.height = this.scroller.clientHeight;
    this.update();
  }

  // ---- drawing ----

  private most(): number {
    return Math.min(Math.ceil(this.height / ROW_HEIGHT) + 2, 190);
  }

  private forget() {
    for (const d of this.drawn.values()) d.element.remove();
    this.drawn.clear();
  }

  private draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.layout) return;
    this.height = this.scroller.clientHeight;
    this.box.style.height = `${this.height}px`;
    const total = Math.min(this.nRows * ROW_HEIGHT, MOST_HEIGHT);
    this.size.style.height = `${Math.max(0, total - this.height)}px`;
    if (this.atEnd) this.toEnd();
    this.clamp();
    this.drawRows(this.top, this.most());
    if (this.look.wrap && !this.fills()) {
      this.toEnd();
      this.drawRows(this.top, this.most());
    }
    this.rows.style.transform = `translateY(${-this.offset}px)`;
    this.drawSticky();
    if (this.atEnd || this.exact) this.placeBar();
    this.want();
  }

  private clamp() {
    if (this.look.wrap) {
      this.top = Math.max(0, Math.min(this.top, this.nRows - 1));
      return;
    }
    this.placeAt(Math.min(this.top * ROW_HEIGHT + this.offset, Math.max(0, this.nRows * ROW_HEIGHT - this.height)));
  }

  /** Do the rows from `top` on reach the lower edge? */
  private fills(): boolean {
    let sum = -this.offset;
    for (let i = this.top; i < this.nRows && sum < this.height; i++) sum += this.heightOf(i);
    return sum >= this.height || this.top === 0;
  }

  private heightOf(i: number): number {
    return this.look.wrap ? (this.drawn.get(i)?.element.offsetHeight ?? ROW_HEIGHT) : ROW_HEIGHT;
  }

  /** Rows `first` to `first + count`, and no others, are in the document. */
  private drawRows(first: number, count: number) {
    const end = Math.min(this.nRows, first + count);
    for (const [i, d] of this.drawn) {
      if (i >= first && i < end) continue;
      d.element.remove();
      this.drawn.delete(i);
    }
    let before: Element | null = null;
    for (let i = first; i < end; i++) {
      const element = this.drawRow(i);
      const next: Element | null = before ? before.nextElementSibling : this.rows.firstElementChild;
      if (element !== next) this.rows.insertBefore(element, next);
      before = element;
    }
  }

  private drawRow(i: number): HTMLElement {
    const row = this.layout?.row(i) as Row;
    const line = row.kind === "line" ? this.delegate.line(row.n) : undefined;
    const known = row.kind === "head" || line !== undefined;
    const old = this.drawn.get(i);
    if (old && (old.known || !known)) return this.marked(old.element, row);
    const element = row.kind === "head" ? this.makeHead(row.section) : this.makeLine(row.n, line);
    old?.element.replaceWith(element);
    this.drawn.set(i, { element, known });
    return this.marked(element, row);
  }

  private marked(element: HTMLElement, row: Row): HTMLElement {
    if (row.kind === "head") return element;
    const [from, to] = this.selected ?? [1, 0];
    element.classList.toggle("log-selected", row.n >= from && row.n <= to);
    element.classList.toggle("log-hit", row.n === this.hit);
    return element;
  }

  private makeLine(n: number, line: LogLine | undefined): HTMLElement {
    const row = make("div", `log-row${line ? ` log-${line.stream}` : ""}`);
    const number = make("a", "log-no", String(n + 1));
    number.setAttribute("href", this.delegate.href(n));
    number.tabIndex = -1;
    number.dataset.n = String(n);
    row.append(number);
    if (this.look.times) row.append(this.makeTime(line));
    if (this.look.platforms) {
      const arch = make("span", "log-arch", line?.platform?.replace(/^linux\//, "") ?? "");
      row.append(arch);
    }
    const text = make("span", "log-text");
    if (line) this.fillText(text, line);
    row.append(text);
    return row;
  }

  private makeTime(line: LogLine | undefined): HTMLElement {
    const time = make("span", "log-time");
    if (!line) return time;
    const { text, gap } = this.delegate.time(line, this.delegate.line(line.n - 1));
    time.textContent = text;
    if (gap) {
      time.classList.add("log-gap");
      time.title = gap;
    }
    return time;
  }

  private fillText(into: HTMLElement, line: LogLine) {
    const spans = parseAnsi(line.text);
    const { find } = this.look;
    const plain = find ? spans.map((s) => s.text).join("") : "";
    showSpans(into, spans, find ? rangesOf(plain, find.text, find.ignoreCase) : []);
  }

  private makeHead(section: Section): HTMLElement {
    const text = this.delegate.head(section);
    const row = make("div", "log-row log-head");
    const button = make("button", "log-fold");
    button.setAttribute("type", "button");
    button.setAttribute("aria-expanded", String(!section.folded));
    button.dataset.section = String(section.key);
    const state = make("span", `log-state log-is-${text.state}`);
    state.title = text.stateLabel;
    button.append(make("span", "log-arrow"), state, make("span", "log-title", text.title), make("span", "log-detail", text.detail));
    row.append(button);
    return row;
  }

  private drawSticky() {
    const row = this.layout?.options.grouped ? this.layout.row(this.top) : null;
    this.sticky.hidden = row === null;
    if (!row) return;
    const head = this.makeHead(row.section);
    (head.firstElementChild as HTMLElement).tabIndex = -1;
    this.sticky.style.width = `${this.scroller.clientWidth}px`;
    this.sticky.replaceChildren(head);
  }

  private want() {
    const rows: Array<Row & { kind: "line" }> = [];
    for (const [i, d] of this.drawn) {
      if (d.known) continue;
      const row = this.layout?.row(i);
      if (row?.kind === "line") rows.push(row);
    }
    if (rows.length) this.delegate.wanted(rows);
  }

  // ---- clicks and copying ----

  private click(e: MouseEvent) {
    const target = e.target as HTMLElement;
    const fold = target.closest<HTMLElement>(".log-fold");
    const number = target.closest<HTMLElement>(".log-no");
    const section = fold && this.layout?.section(Number(fold.dataset.section));
    if (section) this.delegate.fold(section);
    if (!number || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    this.delegate.choose(Number(number.dataset.n), e.shiftKey);
  }

  /** What is selected, without numbers and times. */
  private copy(e: ClipboardEvent) {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || !e.clipboardData) return;
    const range = selection.getRangeAt(0);
    const parts: string[] = [];
    for (const text of this.rows.querySelectorAll(".log-text")) {
      if (!range.intersectsNode(text)) continue;
      const part = document.createRange();
      part.selectNodeContents(text);
      if (text.contains(range.startContainer)) part.setStart(range.startContainer, range.startOffset);
      if (text.contains(range.endContainer)) part.setEnd(range.endContainer, range.endOffset);
      parts.push(part.toString());
    }
    if (!parts.length) return;
    e.preventDefault();
    e.clipboardData.setData("text/plain", parts.join("\n"));
  }
}

function make(name: string, className: string, text?: string): HTMLElement {
  const e = document.createElement(name);
  e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}
