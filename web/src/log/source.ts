// Where lines come from: pages, outline and search by the API, new lines by server-sent events.
import type { LogLine } from "./cache";

export interface LinePage {
  lines: LogLine[];
  next: number;
  total: number;
  end: boolean;
}

export interface OutlinePage {
  platforms: string[];
  runs: number[];
  next: number;
}

export interface SearchPage {
  lines: LogLine[];
  first: number;
  total: number;
  next: number | null;
}

export interface Wanted {
  platform?: string;
  step?: number;
}

export type Connection = "connecting" | "open" | "lost" | "ended";

export interface LiveHandler {
  lines(lines: LogLine[]): void;
  /** The build, or some of its steps, as the API describes them. */
  build(build: unknown): void;
  steps(steps: unknown[]): void;
  connection(state: Connection): void;
}

/** `get` asks the API for a path below /api/v1 and throws on an error; `address` makes it absolute. */
export class LogSource {
  constructor(
    readonly build: string,
    private readonly get: <T>(path: string, signal?: AbortSignal) => Promise<T>,
    private readonly address: (path: string) => string,
  ) {}

  page(from: number, limit: number, wanted: Wanted, signal?: AbortSignal): Promise<LinePage> {
    return this.get(this.path("/log", { from, limit, ...wanted }), signal);
  }

  /** The last lines. */
  tail(n: number, wanted: Wanted, signal?: AbortSignal): Promise<LinePage> {
    return this.get(this.path("/log", { tail: n, ...wanted }), signal);
  }

  outline(from: number): Promise<OutlinePage> {
    return this.get(this.path("/log/outline", { from }));
  }

  search(query: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<SearchPage> {
    return this.get(this.path("/log/search", query), signal);
  }

  textAddress(query: Record<string, string | number | undefined>): string {
    return this.address(this.path("/log.txt", query));
  }

  /** Lines from `from` on, until the build has ended; what is lost is taken up where it was. The function it gives ends it. */
  follow(from: number, handler: LiveHandler): () => void {
    return new Follower(this, from, handler, (query) => this.address(this.path("/events", query))).start();
  }

  private path(what: string, query: Record<string, string | number | undefined>): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    const text = search.toString();
    return `builds/${encodeURIComponent(this.build)}${what}${text && `?${text}`}`;
  }
}

const WAIT_MS = [500, 1000, 2000, 5000];

class Follower {
  private events: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private losses = 0;

  constructor(
    readonly source: LogSource,
    private next: number,
    private readonly handler: LiveHandler,
    private readonly address: (query: Record<string, number>) => string,
  ) {}

  start(): () => void {
    this.handler.connection("connecting");
    this.connect();
    return () => this.stop();
  }

  private connect() {
    // The browser itself comes again with Last-Event-ID where it may; `from` is for the connections that are made anew here.
    const events = new EventSource(this.address({ from: this.next }));
    this.events = events;
    events.onopen = () => {
      this.losses = 0;
      this.handler.connection("open");
    };
    events.onerror = () => this.lost(events);
    events.addEventListener("log", (e) => {
      const { lines } = JSON.parse(e.data) as { lines: LogLine[] };
      this.next = Number(e.lastEventId) || this.next;
      this.handler.lines(lines);
    });
    events.addEventListener("build", (e) => this.handler.build(JSON.parse(e.data)));
    events.addEventListener("step", (e) => this.handler.steps((JSON.parse(e.data) as { steps: unknown[] }).steps));
    events.addEventListener("end", () => {
      this.stop();
      this.handler.connection("ended");
    });
  }

  private lost(events: EventSource) {
    this.handler.connection("lost");
    if (events.readyState !== EventSource.CLOSED) return; // it tries again
    const wait = WAIT_MS[Math.min(this.losses++, WAIT_MS.length - 1)];
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private stop() {
    clearTimeout(this.timer);
    this.events?.close();
    this.events = null;
  }
}
