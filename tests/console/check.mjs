// Checks that are counted, and waiting for a condition.
export const LIMIT_MS = Number(process.env.KILN_CONSOLE_LIMIT_MS ?? 60_000);
let passed = 0;
let failed = 0;

export async function check(name, act) {
  try {
    await act();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${String(error?.message ?? error).split("\n").slice(0, 12).join("\n        ")}`);
  }
}

/** A check that those after it stand on: they are not tried when it fails. */
export async function step(name, act) {
  const before = failed;
  await check(name, act);
  if (failed > before) throw new Error(`the rest stands on: ${name}`);
}

export function summary() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

export function expect(ok, text) {
  if (!ok) throw new Error(text);
}

export function expectEqual(got, wanted, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} is not ${b}`);
}

export async function waitFor(what, condition) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`after ${LIMIT_MS / 1000} s not yet: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
