// The log of one build as a thing with a state: what is shown of it and where, what is asked of the server, what comes live.
import { ApiError } from "../api";
import { plainText } from "./ansi";
import { LineCache, type LogLine } from "./cache";
import { sinceStart, timeOfDay } from "./format";
import { AFTER, BEFORE, Layout, type Row, type Section } from "./layout";
import { linkOf, parseLink, type Range } from "./link";
import { Outline } from "./outline";
import { LogSearch, type Query } from "./search";
import type { Connection, LiveHandler, LogSource, Wanted } from "./source";
import { type Delegate, type HeadText, LogView } from "./view";

const BLOCK = 128; // lines that are asked for at once
const MOST_REQUESTS = 4;
const RETRY_MS = 2000;
const MOST_COPIED = 20_000;
const GAP_MS = 5000;

export type Times = "off" | "relative" | "absolute";

export interface LogState {
  ready: boolean;
  error: Error | null;
  total: number;
  connection: Connection | null;
  /** It was lost before; to say that it is back. */
  resumed: boolean;
  follow: boolean;
  /** Lines that came since the reader went up. */
  fresh: number;
  grouped: boolean;
  wrap: boolean;
  times: Times;
  platform: string | null;
  selected: Range | null;
  search: { query: Query; busy: boolean; error: Error | null; index: number; total: number } | null;
}

export interface StepFacts {
  step: number;
  platforms: string[];
}

export interface LogTexts {
  label: string;
  gap(ms: number): string;
  head(key: number): HeadText;
}

export interface Events {
  build(build: unknown): void;
  steps(steps: unknown[]): void;
  /** The range of lines in the address changed: "#L1-L2", or "". */
  link(hash: string): void;
}

export class LogController {
  state: LogState = {
    ready: false,
    error: null,
    total: 0,
    connection: null,
    resumed: false,
    follow: false,
    fresh: 0,
    grouped: false,
    wrap: false,
    times: "off",
    platform: null,
    selected: null,
    search: null,
  };
  private readonly listeners = new Set<() => void>();
  private readonly outline = new Outline();
  private readonly cache = new LineCache();
  private readonly folded = new Set<number>();
  private layout: Layout | null = null;
  private view: LogView | null = null;
  private texts: LogTexts | null = null;
  private steps = new Map<number, string[]>();
  private startMs = 0;
  private stopLive: (() => void) | null = null;
  private readonly requests = new Map<string, AbortController>();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private search: LogSearch | null = null;
  private searching = new AbortController();
  private anchor: number | null = null; // where a range that is made longer begins
  private closed = false;

  constructor(
    readonly source: LogSource,
    private readonly events: Events,
  ) {}

  // ---- for React ----

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  readonly snapshot = () => this.state;

  private set(change: Partial<LogState>) {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  // ---- life ----

  /** Reads the outline; `live`: follows what comes. */
  async open(live: boolean, hash: string) {
    try {
      await this.readOutline();
    } catch (error) {
      if (!this.closed) this.set({ error: error as Error });
      return;
    }
    if (this.closed) return;
    const link = parseLink(hash);
    this.anchor = link ? link[0] : null;
    this.set({ ready: true, error: null, follow: live && !link, selected: link, grouped: !live });
    this.arrange();
    if (link) this.reveal(link[0]);
    if (live) this.goLive();
  }

  /** New lines are expected: a build that runs, or runs again. */
  goLive() {
    if (this.stopLive || this.closed || !this.state.ready) return;
    this.stopLive = this.source.follow(this.outline.total, this.live);
  }

  close() {
    this.closed = true;
    this.stopLive?.();
    this.searching.abort();
    clearTimeout(this.retry);
    for (const request of this.requests.values()) request.abort();
    this.detach();
  }

  attach(host: HTMLElement, texts: LogTexts) {
    this.texts = texts;
    this.view = new LogView(host, this.delegate, texts.label);
    if (this.layout) this.arrange();
    if (this.state.selected) this.reveal(this.state.selected[0]);
  }

  detach() {
    this.view?.destroy();
    this.view = null;
  }

  /** Other words or states in the heads of steps. */
  retitle(texts: LogTexts) {
    this.texts = texts;
    this.view?.redraw();
  }

  setSteps(steps: StepFacts[], startedAt: string | null) {
    const before = JSON.stringify([...this.steps]);
    this.steps = new Map(steps.map((s) => [s.step, s.platforms]));
    this.startMs = startedAt ? Date.parse(startedAt) : 0;
    if (this.state.platform && before !== JSON.stringify([...this.steps])) this.arrange();
  }

  // ---- what is shown ----

  private arrange() {
    this.set({ total: this.outline.total });
    this.layout = new Layout(this.outline, { grouped: this.state.grouped, shows: this.filter() }, this.folded);
    this.view?.show(this.layout, {
      wrap: this.state.wrap,
      times: this.state.times !== "off",
      platforms: !this.state.grouped && !this.state.platform && this.outline.platforms.length > 1,
      find: this.found(),
    });
    this.mark();
    this.view?.stay(this.state.follow);
  }

  private found() {
    const query = this.state.search?.query;
    return query && !query.regex ? query : null;
  }

  private filter() {
    const { platform } = this.state;
    if (!platform) return null;
    const number = this.outline.platformNumber(platform);
    return (p: number, step: number) =>
      p === number || (step ? (this.steps.get(step)?.includes(platform) ?? false) : p === 0);
  }

  setWrap(wrap: boolean) {
    this.set({ wrap });
    this.arrange();
  }

  setTimes(times: Times) {
    this.set({ times });
    this.arrange();
  }

  setGrouped(grouped: boolean) {
    this.set({ grouped });
    this.arrange();
  }

  setPlatform(platform: string | null) {
    if (platform === this.state.platform) return;
    this.set({ platform });
    if (this.layout) this.arrange();
    const query = this.state.search?.query;
    if (query) void this.find(query);
  }

  foldAll(folded: boolean) {
    this.layout?.foldAll(folded);
    this.view?.redraw();
  }

  setFollow(follow: boolean) {
    this.set({ follow, fresh: 0 });
    this.view?.stay(follow);
  }

  /** Brings line `n` on screen, whatever hides it. */
  reveal(n: number) {
    if (!this.layout || n >= this.outline.total) return;
    this.setFollow(false);
    if (!this.layout.find(n)) this.setPlatform(null);
    const found = this.layout.find(n);
    if (found?.section.folded) this.fold(found.section, false);
    this.view?.goTo(n);
  }

  /** Brings the lines of a step on screen; false: it has none that are shown. */
  revealStep(step: number): boolean {
    if (!this.state.grouped) this.setGrouped(true);
    const section = this.layout?.section(step);
    if (!section) return false;
    this.setFollow(false);
    if (section.folded) this.fold(section, false);
    this.view?.goToSection(section);
    return true;
  }

  /** The step that the first row on screen belongs to; 0: none. */
  stepOnScreen(): number {
    const n = this.view?.firstLine() ?? -1;
    return n < 0 ? 0 : this.outline.step(this.outline.runOf(n));
  }

  firstLine(): number {
    return Math.max(0, this.view?.firstLine() ?? 0);
  }

  private fold(section: Section, folded: boolean) {
    this.layout?.fold(section, folded);
    this.view?.redraw();
  }

  private mark() {
    this.view?.mark(this.state.selected, this.search?.line ?? -1);
  }

  // ---- lines ----

  private readonly delegate: Delegate = {
    line: (n) => this.cache.get(n),
    wanted: (rows) => this.fetchRows(rows),
    head: (section) => this.texts?.head(section.key) ?? { state: "", stateLabel: "", title: "", detail: "" },
    time: (line, before) => this.timeOf(line, before),
    href: (n) => location.pathname + location.search + linkOf([n, n]),
    fold: (section) => this.fold(section, !section.folded),
    choose: (n, extend) => this.choose(n, extend),
    moved: (up) => {
      if (up && this.state.follow) this.setFollow(false);
    },
  };

  private timeOf(line: LogLine, before: LogLine | undefined) {
    const at = new Date(line.time);
    const start = this.startMs || Date.parse(this.cache.get(0)?.time ?? line.time);
    const gap = before ? at.getTime() - Date.parse(before.time) : 0;
    return {
      text: this.state.times === "absolute" ? timeOfDay(at) : sinceStart(at.getTime() - start),
      gap: gap > GAP_MS ? (this.texts?.gap(gap) ?? null) : null,
    };
  }

  private async readOutline() {
    for (;;) {
      const page = await this.source.outline(this.outline.total);
      this.outline.platforms = page.platforms;
      if (!page.runs.length) return;
      this.outline.addRuns(page.runs);
    }
  }

  /** What the server has to be asked for to get a row's line and its neighbours. */
  private wantedFor(row: Row & { kind: "line" }): Wanted {
    const { key } = row.section;
    if (key > 0) return { step: key };
    if (key === BEFORE || key === AFTER) return { step: 0 };
    if (!this.state.platform) return {};
    const platform = this.outline.platforms[this.outline.platform(row.run) - 1];
    return platform ? { platform } : { step: this.outline.step(row.run) };
  }

  private fetchRows(rows: Array<Row & { kind: "line" }>) {
    const needed = new Map<string, () => void>();
    for (const row of rows) {
      const wanted = this.wantedFor(row);
      const begin = this.layout?.line(row.section, row.at - (row.at % BLOCK)).n ?? row.n;
      const from = this.cache.get(begin) ? row.n : begin;
      const key = `${from} ${JSON.stringify(wanted)}`;
      if (!needed.has(key)) needed.set(key, () => void this.fetchBlock(key, from, wanted));
      if (from === row.n) break; // the rest of the block comes with it
    }
    if (this.requests.size + needed.size > MOST_REQUESTS) {
      for (const [key, request] of this.requests) if (!needed.has(key)) request.abort();
    }
    for (const [key, fetch] of needed) if (!this.requests.has(key)) fetch();
  }

  private async fetchBlock(key: string, from: number, wanted: Wanted) {
    const request = new AbortController();
    this.requests.set(key, request);
    try {
      const page = await this.source.page(from, BLOCK, wanted, request.signal);
      this.cache.put(page.lines);
      this.requests.delete(key);
      if (this.state.error) this.set({ error: null });
      if (page.lines.length) this.view?.update();
    } catch (error) {
      this.requests.delete(key);
      if (request.signal.aborted) return;
      this.set({ error: error as Error });
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.view?.update(), RETRY_MS);
    }
  }

  // ---- live ----

  private readonly live: LiveHandler = {
    lines: (lines) => {
      const before = this.outline.total;
      for (const line of lines) {
        if (line.n !== this.outline.total) continue;
        this.outline.add(1, this.outline.platformNumber(line.platform), line.step ?? 0);
      }
      this.cache.put(lines);
      this.layout?.follow();
      const fresh = this.state.follow ? 0 : this.state.fresh + this.outline.total - before;
      this.set({ total: this.outline.total, fresh });
      this.view?.update();
    },
    build: (build) => this.events.build(build),
    steps: (steps) => this.events.steps(steps),
    connection: (connection) => {
      const resumed = connection === "open" && (this.state.connection === "lost" || this.state.resumed);
      this.set({ connection, resumed });
      if (connection === "ended") {
        this.stopLive = null;
        this.setFollow(false);
      }
    },
  };

  // ---- links and copying ----

  private choose(n: number, extend: boolean) {
    const from = extend ? (this.anchor ?? n) : n;
    this.select([Math.min(n, from), Math.max(n, from)]);
    this.anchor = from;
  }

  select(selected: Range | null) {
    this.anchor = selected ? selected[0] : null;
    this.set({ selected });
    this.mark();
    this.events.link(selected ? linkOf(selected) : "");
  }

  /** The lines of the selection as text, at most MOST_COPIED. */
  async selectedText(): Promise<string> {
    const [from, to] = this.state.selected ?? [0, -1];
    const section = this.state.grouped ? this.layout?.find(from)?.section : undefined;
    const wanted: Wanted = section ? { step: Math.max(0, section.key) } : { platform: this.state.platform ?? undefined };
    const texts: string[] = [];
    for (let at = from; at <= to && texts.length < MOST_COPIED; ) {
      const page = await this.source.page(at, 1000, wanted);
      for (const line of page.lines) if (line.n <= to) texts.push(plainText(line.text));
      if (page.next <= at || !page.lines.length) break;
      at = page.next;
    }
    return texts.join("\n");
  }

  // ---- searching ----

  async find(query: Query) {
    this.searching.abort();
    this.searching = new AbortController();
    const { signal } = this.searching;
    this.search = null;
    if (!query.text) {
      this.set({ search: null });
      this.arrange();
      return;
    }
    const search = new LogSearch(this.source, query, { platform: this.state.platform ?? undefined }, signal);
    this.set({ search: { query, busy: true, error: null, index: -1, total: 0 } });
    await this.searched(search, signal, () => search.begin(this.firstLine()));
  }

  async findNext(by: 1 | -1) {
    const { search } = this;
    if (search) await this.searched(search, this.searching.signal, () => search.move(by));
  }

  private async searched(search: LogSearch, signal: AbortSignal, act: () => Promise<number>) {
    const { query } = search;
    try {
      const n = await act();
      if (signal.aborted) return;
      const anew = this.search !== search;
      this.search = search;
      this.set({ search: { query, busy: false, error: null, index: search.index, total: search.total } });
      if (anew) this.arrange();
      if (n >= 0) this.show(n);
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof ApiError ? error : new Error(String(error));
      this.set({ search: { query, busy: false, error: known, index: -1, total: 0 } });
    }
  }

  private show(n: number) {
    if (!this.view?.isVisible(n)) this.reveal(n);
    this.setFollow(false);
    this.mark();
  }
}
