// A search over the whole log, by the server: all matches are counted, a window of them is here, and next and previous fetch
// the window that they need.
import type { LogSource, SearchPage, Wanted } from "./source";

const WINDOW = 500;

export interface Query {
  text: string;
  regex: boolean;
  ignoreCase: boolean;
}

export class LogSearch {
  total = 0;
  /** Of the match that is shown, from 0; -1: none. */
  index = -1;
  private first = 0;
  private numbers: number[] = [];

  constructor(
    private readonly source: LogSource,
    readonly query: Query,
    private readonly wanted: Wanted,
    private readonly signal: AbortSignal,
  ) {}

  /** The first match at line `n` or below, or else the first one: its line, or -1. */
  async begin(n: number): Promise<number> {
    this.take(await this.ask({ from: n }));
    if (this.total && !this.numbers.length) this.take(await this.ask({}));
    this.index = this.total ? this.first : -1;
    return this.line;
  }

  /** 1 or -1, around the ends. */
  async move(by: 1 | -1): Promise<number> {
    if (!this.total) return -1;
    this.index = (this.index + by + this.total) % this.total;
    const here = this.index - this.first;
    if (here < 0 || here >= this.numbers.length) {
      this.take(await this.ask({ skip: by > 0 ? this.index : Math.max(0, this.index - WINDOW + 1) }));
      if (this.line < 0) this.take(await this.ask({ skip: this.index })); // long lines: the answer was cut before it
    }
    return this.line;
  }

  get line(): number {
    return this.numbers[this.index - this.first] ?? -1;
  }

  private take(page: SearchPage) {
    this.total = page.total;
    this.first = page.first;
    this.numbers = page.lines.map((l) => l.n);
  }

  private ask(where: { from?: number; skip?: number }): Promise<SearchPage> {
    const { text, regex, ignoreCase } = this.query;
    return this.source.search(
      { q: text, regex: regex ? 1 : undefined, ignoreCase: ignoreCase ? 1 : undefined, limit: WINDOW, ...where, ...this.wanted },
      this.signal,
    );
  }
}
