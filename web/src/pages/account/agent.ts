// The name of a browser, out of what it says of itself.
// Later ones also say what earlier ones say: the first that is found counts.
const BROWSERS: Array<[string, RegExp]> = [
  ["Edge", /Edge?\/(\d+)/],
  ["Opera", /OPR\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Chrome", /Chrom(?:e|ium)\/(\d+)/],
  ["Safari", /Version\/(\d+)[\d.]* .*Safari/],
];
const SYSTEMS: Array<[string, RegExp]> = [
  ["Android", /Android/],
  ["iOS", /iPhone|iPad/],
  ["Windows", /Windows/],
  ["macOS", /Mac OS X/],
  ["Linux", /Linux|X11/],
];

/** null for what is not known. */
export function agentOf(text: string): { browser: string; system: string | null } | null {
  for (const [name, pattern] of BROWSERS) {
    const version = pattern.exec(text)?.[1];
    if (version) return { browser: `${name} ${version}`, system: SYSTEMS.find(([, known]) => known.test(text))?.[0] ?? null };
  }
  return null;
}
