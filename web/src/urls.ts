// Addresses of the console. A repository's name may have several parts; "/-/" separates it from the page, and no part
// of a name starts with "-".
const PREFIX = "/repositories/";

export function repositoryUrl(name: string, page = "info"): string {
  return `${PREFIX}${name.split("/").map(encodeURIComponent).join("/")}/-/${page}`;
}

/** The list, filtered by namespace. */
export function repositoriesUrl(namespace: string): string {
  return `/repositories?namespace=${encodeURIComponent(namespace)}`;
}

/** A namespace, or all of them. */
export function namespaceUrl(name?: string): string {
  return name === undefined ? "/namespaces" : `/namespaces/${encodeURIComponent(name)}`;
}

export function buildUrl(repository: string, build: string): string {
  return repositoryUrl(repository, `builds/${encodeURIComponent(build)}`);
}

export function ruleUrl(repository: string, rule: string): string {
  return repositoryUrl(repository, `build/rules/${encodeURIComponent(rule)}/edit`);
}

export function versionUrl(repository: string, tag: string): string {
  return repositoryUrl(repository, `versions/${encodeURIComponent(tag)}`);
}

export function manifestUrl(repository: string, digest: string): string {
  return repositoryUrl(repository, `manifests/${encodeURIComponent(digest)}`);
}

export const sourceUrl = (id: string) => `/sources/${encodeURIComponent(id)}`;

/** Short ones that stay whatever its repository is called; they lead to the build, or to the digest's repository. */
export const shortBuildUrl = (build: string) => `b/${build}`;
export const shortDigestUrl = (digest: string) => `d/${digest}`;

const BETWEEN = "...";
// Tags may have dots: those that could be taken for the three between two versions are written otherwise.
const comparePart = (version: string) =>
  encodeURIComponent(version.includes(BETWEEN) || version.endsWith(".") ? version.replaceAll(".", "%2E") : version);

/** Two versions, each a tag or a digest, or empty while it is not chosen. */
export function compareUrl(repository: string, a: string, b: string): string {
  return repositoryUrl(repository, `compare/${comparePart(a)}${BETWEEN}${comparePart(b)}`);
}

/** The versions that the parameter of such an address names. */
export function splitCompared(versions: string): [string, string] {
  const at = versions.indexOf(BETWEEN);
  if (at < 0) return [decodedPart(versions), ""];
  return [decodedPart(versions.slice(0, at)), decodedPart(versions.slice(at + BETWEEN.length))];
}

/** A part of an address as it was before it was encoded; what was not encoded well is as it is. */
export function decodedPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The repository and the page below it that a path of the router means. */
export function splitRepositoryPath(pathname: string): { name: string; page: string } | null {
  const at = pathname.indexOf("/-/");
  if (!pathname.startsWith(PREFIX) || at < 0) return null;
  const name = pathname.slice(PREFIX.length, at).split("/").map(decodeURIComponent).join("/");
  return { name, page: pathname.slice(at + 3) };
}
