// Lines by number, of which those that came first go when there are too many.

export interface LogLine {
  n: number;
  time: string;
  platform: string | null;
  step: number | null;
  stream: "stdout" | "stderr" | "system";
  text: string;
}

export class LineCache {
  private readonly lines = new Map<number, LogLine>();
  private characters = 0;

  constructor(
    private readonly mostLines = 20_000,
    private readonly mostCharacters = 8_000_000,
  ) {}

  get size() {
    return this.lines.size;
  }

  get(n: number): LogLine | undefined {
    return this.lines.get(n);
  }

  put(lines: LogLine[]) {
    for (const line of lines) {
      this.drop(line.n);
      this.lines.set(line.n, line);
      this.characters += line.text.length;
    }
    for (const n of this.lines.keys()) {
      if (this.lines.size <= this.mostLines && this.characters <= this.mostCharacters) break;
      this.drop(n);
    }
  }

  private drop(n: number) {
    const line = this.lines.get(n);
    if (!line) return;
    this.characters -= line.text.length;
    this.lines.delete(n);
  }
}
