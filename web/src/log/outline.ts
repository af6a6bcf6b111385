// Which lines of a log belong together: runs of neighbouring lines of one platform and step. It is the whole log without its
// text, a few bytes for each run, and grows with the lines that come.

export class Outline {
  platforms: string[] = [];
  nRuns = 0;
  total = 0;
  private starts = new Float64Array(256);
  private tags = new Uint32Array(256); // step << 8 | platform

  /** `platform` from 1; 0: of no one. `step` 0: of no one. */
  add(nLines: number, platform: number, step: number) {
    const tag = (step << 8) | platform;
    if (this.nRuns === 0 || this.tags[this.nRuns - 1] !== tag) {
      if (this.nRuns === this.starts.length) this.grow();
      this.starts[this.nRuns] = this.total;
      this.tags[this.nRuns] = tag;
      this.nRuns += 1;
    }
    this.total += nLines;
  }

  /** The answer of the server: three numbers for each run. */
  addRuns(runs: number[]) {
    for (let i = 0; i + 2 < runs.length; i += 3) this.add(runs[i] as number, runs[i + 1] as number, runs[i + 2] as number);
  }

  platformNumber(name: string | null): number {
    return name === null ? 0 : this.platforms.indexOf(name) + 1;
  }

  start(run: number): number {
    return run < this.nRuns ? (this.starts[run] as number) : this.total;
  }

  size(run: number): number {
    return this.start(run + 1) - this.start(run);
  }

  platform(run: number): number {
    return (this.tags[run] as number) & 255;
  }

  step(run: number): number {
    return (this.tags[run] as number) >>> 8;
  }

  /** The run that line `n` is in. */
  runOf(n: number): number {
    let low = 0;
    let high = this.nRuns;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] as number) <= n) low = middle;
      else high = middle;
    }
    return low;
  }

  private grow() {
    const starts = new Float64Array(this.starts.length * 2);
    const tags = new Uint32Array(this.tags.length * 2);
    starts.set(this.starts);
    tags.set(this.tags);
    this.starts = starts;
    this.tags = tags;
  }
}
