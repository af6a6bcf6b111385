import { describe, expect, it } from "vitest";
import type { Instance, Worker } from "./api-types";
import { addressChecks, settingOf, storageChecks, workerChecks } from "./health";

const states = (checks: Array<{ key: string; state: string }>) => checks.map((c) => `${c.key} ${c.state}`);
const GIB = 2 ** 30;

function instance(availableBytes: number, totalBytes = 100 * GIB): Instance {
  const storage = { directory: "/data", totalBytes, availableBytes, blobs: 0, blobBytes: 0 };
  return { version: "1", startedAt: "2026-01-01T00:00:00Z", storage, settings: [{ name: "listen", value: "x" }, { name: "config", value: null }] };
}

function worker(online: boolean, platforms: Worker["platforms"], draining = false): Worker {
  const times = { firstSeenAt: "2026-01-01T00:00:00Z", lastSeenAt: "2026-01-01T00:00:00Z" };
  return { id: "w", name: "w", pool: "", version: "1", slots: 2, builds: 0, embedded: false, draining, online, platforms, ...times };
}

describe("addressChecks", () => {
  it("is content with loopback, and with TLS at the address that is set", () => {
    expect(states(addressChecks(new URL("http://127.0.0.1:8080/setup"), null, true))).toEqual(["loopback good", "registry good"]);
    expect(states(addressChecks(new URL("https://kiln.example/kiln/"), "https://kiln.example/kiln", true))).toEqual([
      "tls good",
      "external good",
      "registry good",
    ]);
  });
  it("warns of passwords in the open, of another address, and of a registry that is not reached", () => {
    expect(states(addressChecks(new URL("http://kiln.example/"), "https://kiln.example", false))).toEqual([
      "plain bad",
      "otherAddress warn",
      "noRegistry bad",
    ]);
    expect(states(addressChecks(new URL("https://kiln.example/"), null, undefined))).toEqual(["tls good", "noExternal warn"]);
  });
});

describe("storageChecks", () => {
  it("knows enough, little, and next to nothing", () => {
    expect(states(storageChecks(instance(50 * GIB)))).toEqual(["disk good"]);
    expect(states(storageChecks(instance(12 * GIB)))).toEqual(["diskLow warn"]);
    expect(states(storageChecks(instance(GIB)))).toEqual(["diskFull bad"]);
  });
});

describe("workerChecks", () => {
  it("counts whom builds can go to", () => {
    const amd64 = { platform: "linux/amd64", native: true };
    expect(states(workerChecks([worker(false, [amd64]), worker(true, [amd64], true)]))).toEqual(["noWorker bad"]);
    expect(states(workerChecks([worker(true, [amd64, { platform: "linux/arm64", native: false }])]))).toEqual([
      "workers good",
      "native good",
      "emulated good",
      "noPlatform warn",
      "noPlatform warn",
    ]);
  });
});

describe("settingOf", () => {
  it("is null for what is not set or not known", () => {
    expect([settingOf(instance(0), "listen"), settingOf(instance(0), "config"), settingOf(instance(0), "none")]).toEqual(["x", null, null]);
  });
});
