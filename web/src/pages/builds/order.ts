// What waits in the queue, and what there is no worker for.
import type { Build, Platform, Worker } from "../../api";

/** The architectures that no worker has taken yet. */
export const waitingOf = (build: Build): Platform[] => build.jobs.filter((job) => job.state === "queued").map((job) => job.platform);

/** Those of which something waits, by their turn; of pools that have the same, the older first. At the end who must let an older build go before. */
export function inTurn(builds: Build[]): Build[] {
  const turn = (build: Build) => build.queuePosition ?? Number.MAX_SAFE_INTEGER;
  return builds
    .filter((build) => waitingOf(build).length > 0)
    .sort((a, b) => turn(a) - turn(b) || Date.parse(a.createdAt) - Date.parse(b.createdAt));
}

/** The waiting architectures that no worker which takes builds can run: none of the pool that is there, or it would have to emulate and must not. */
export function lackingOf(build: Build, workers: Worker[]): Platform[] {
  const runs = (worker: Worker, platform: Platform) =>
    worker.platforms.some((one) => one.platform === platform && (one.native || build.emulation));
  const there = workers.filter((worker) => worker.online && !worker.draining && worker.pool === build.pool);
  return waitingOf(build).filter((platform) => !there.some((worker) => runs(worker, platform)));
}
