// The queue as the server takes from it (src/pipeline/queue.c), as far as the records tell.
import type { Build, Platform, Worker } from "../../api";

const MINUTE_MS = 60_000;

/** The architectures that no worker has taken yet. */
export const waitingOf = (build: Build): Platform[] => build.jobs.filter((job) => job.state === "queued").map((job) => job.platform);

const urgency = (build: Build, now: number) => build.priority + Math.floor(Math.max(0, now - Date.parse(build.createdAt)) / MINUTE_MS);

/** Those of which something waits: who may be next first; at the end who must let an older build go before. `newestFirst` is the API's order. */
export function inTurn(newestFirst: Build[], now: number): Build[] {
  const behind = (build: Build) => Number(build.waitsFor !== null && build.status === "PENDING");
  return newestFirst
    .filter((build) => waitingOf(build).length > 0)
    .reverse()
    .sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt))
    .sort((a, b) => behind(a) - behind(b) || urgency(b, now) - urgency(a, now));
}

/** The waiting architectures that no worker which takes builds can run: none of the pool that is there, or it would have to emulate and must not. */
export function lackingOf(build: Build, workers: Worker[]): Platform[] {
  const runs = (worker: Worker, platform: Platform) =>
    worker.platforms.some((one) => one.platform === platform && (one.native || build.emulation));
  const there = workers.filter((worker) => worker.online && !worker.draining && worker.pool === build.pool);
  return waitingOf(build).filter((platform) => !there.some((worker) => runs(worker, platform)));
}
