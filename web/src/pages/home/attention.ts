import type { Build } from "../../api";

/** The newest build of each rule and ref, of builds that come newest first: an older failure is mended by it. */
export function newestOfEach(builds: Build[]): Build[] {
  const seen = new Set<string>();
  return builds.filter((build) => {
    const key = `${build.repositoryId} ${build.ruleId} ${build.ref}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
