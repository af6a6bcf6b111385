import { resolve } from "node:path";
import { access } from "./access.mjs";
import { audit } from "./audit.mjs";
import { bases } from "./bases.mjs";
import { Browser } from "./browser.mjs";
import { build } from "./build.mjs";
import { check, summary } from "./check.mjs";
import { compare } from "./compare.mjs";
import { flow } from "./flow.mjs";
import { hostile } from "./hostile.mjs";
import { habits, limit } from "./habits.mjs";
import { image } from "./image.mjs";
import { insights } from "./insights.mjs";
import { log } from "./log.mjs";
import { outgoing } from "./outgoing.mjs";
import { pages } from "./pages.mjs";
import { queue } from "./queue.mjs";
import { reference } from "./reference.mjs";
import { retention } from "./retention.mjs";
import { roles } from "./roles.mjs";
import { schedules } from "./schedules.mjs";
import { Server } from "./server.mjs";
import { setup } from "./setup.mjs";
import { short } from "./short.mjs";
import { sources } from "./sources.mjs";
import { status } from "./status.mjs";

// A part stands on what those before it made.
const PARTS = {
  flow, habits, pages, image, compare, log, build, queue, insights, retention, roles, hostile, sources, outgoing, status, schedules, bases, audit, access,
  reference, short, setup, limit,
};

export async function main(kiln) {
  if (!kiln) {
    console.error("usage: tests/console/run KILN");
    process.exit(2);
  }
  const program = resolve(kiln);
  const only = process.env.KILN_CONSOLE_ONLY?.split(",");
  const server = new Server(program);
  await server.start();
  try {
    await server.makeBase();
    const browser = await new Browser().open(program, server.url);
    for (const [name, part] of Object.entries(PARTS)) {
      if (only && !only.includes(name)) continue;
      // What a part does between its checks may fail too.
      await check(`part ${name}`, () => part(browser, server));
    }
    await browser.close();
  } finally {
    await server.remove();
  }
  process.exit(summary() ? 0 : 1);
}
