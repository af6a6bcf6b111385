// Whether bytes have the digest that names them, computed by the browser.
const ALGORITHMS: Record<string, string> = { sha256: "SHA-256", sha512: "SHA-512" };

/** Browsers have it on https and localhost only. */
export const canVerify = () => globalThis.crypto?.subtle !== undefined;

export async function digestOf(algorithm: string, content: string): Promise<string> {
  const name = ALGORITHMS[algorithm];
  if (!name) throw new Error(algorithm);
  const hash = new Uint8Array(await crypto.subtle.digest(name, new TextEncoder().encode(content)));
  return `${algorithm}:${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
