// What can be said of an instance's health: each check a state, a text, and what to do about it.
import type { Instance, Worker } from "./api-types";

export type HealthState = "good" | "warn" | "bad";

export interface Check {
  /** In the catalogue "health": its text is health.KEY, its remedy health.KEY.fix. */
  key: string;
  state: HealthState;
  values?: Record<string, string | number>;
  /** What to type, where the remedy is a command. */
  command?: string;
}

const GIB = 2 ** 30;
export const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6"];

export function settingOf(instance: Instance, name: string): string | null {
  return instance.settings.find((setting) => setting.name === name)?.value ?? null;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

/** How people and registries reach it. `registry`: whether /v2/ of this origin answers as one, undefined while asked. */
export function addressChecks(page: URL, external: string | null, registry: boolean | undefined): Check[] {
  const local = isLoopback(page.hostname);
  const checks: Check[] = [];
  if (page.protocol === "https:") checks.push({ key: "tls", state: "good", values: { origin: page.origin } });
  else if (local) checks.push({ key: "loopback", state: "good", values: { origin: page.origin } });
  else checks.push({ key: "plain", state: "bad", values: { origin: page.origin } });
  if (external !== null) {
    const same = new URL(external).origin === page.origin;
    checks.push({ key: same ? "external" : "otherAddress", state: same ? "good" : "warn", values: { url: external, origin: page.origin } });
  } else if (!local) {
    checks.push({ key: "noExternal", state: "warn", command: `kiln serve --external-url ${page.origin}` });
  }
  if (registry !== undefined) checks.push({ key: registry ? "registry" : "noRegistry", state: registry ? "good" : "bad", values: { host: page.host } });
  return checks;
}

export function storageChecks({ storage }: Instance): Check[] {
  const left = storage.availableBytes;
  const full = left < 2 * GIB;
  const state = full ? "bad" : left < Math.max(10 * GIB, storage.totalBytes * 0.15) ? "warn" : "good";
  return [{ key: state === "good" ? "disk" : full ? "diskFull" : "diskLow", state, command: state === "good" ? undefined : "kiln prune" }];
}

/** Whether there is anybody to build, and for each platform by whom. */
export function workerChecks(workers: Worker[]): Check[] {
  const online = workers.filter((worker) => worker.online && !worker.draining);
  if (online.length === 0) return [{ key: "noWorker", state: "bad", command: "kiln serve --slots 2" }];
  const slots = online.reduce((n, worker) => n + worker.slots, 0);
  return [
    { key: "workers", state: "good", values: { n: online.length, slots } },
    ...PLATFORMS.map((platform): Check => {
      const able = online.flatMap((worker) => worker.platforms).filter((p) => p.platform === platform);
      if (able.some((p) => p.native)) return { key: "native", state: "good", values: { platform } };
      if (able.length > 0) return { key: "emulated", state: "good", values: { platform } };
      return { key: "noPlatform", state: "warn", values: { platform }, command: "apt-get install qemu-user-static" };
    }),
  ];
}
