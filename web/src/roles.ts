// What a role allows. Pages hide what one may never do; whether one may is the server's to say.
import type { Repository } from "./api-types";

export type Role = Repository["role"];

/** From the least to the greatest. */
export const ROLES: readonly Role[] = ["view", "develop", "maintain", "admin"];

/** A repository or a namespace with one's role in it: is that enough? Not before it is known. */
export function may(place: { role: Role | null } | undefined, least: Role): boolean {
  return Boolean(place?.role) && ROLES.indexOf(place?.role as Role) >= ROLES.indexOf(least);
}
