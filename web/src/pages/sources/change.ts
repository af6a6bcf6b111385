// What of a code source is changed: only what differs is sent.
import type { Source, SourceChange } from "../../api";

export type SourceDraft = Required<SourceChange>;

/** As it is now; its secret is known to nobody. */
export function draftOf(source: Source): SourceDraft {
  const { url, credential, username, sshHostKey, submodules, allowPrivate, depth, pollSeconds } = source;
  return { url, credential, username: username ?? "", secret: "", sshHostKey: sshHostKey ?? "", submodules, allowPrivate, depth, pollSeconds };
}

/** `draft` lacks the fields that were not shown. */
export function changeOf(source: Source, draft: Partial<SourceDraft>): SourceChange {
  const now = draftOf(source);
  const names = (Object.keys(now) as Array<keyof SourceDraft>).filter((name) => draft[name] !== undefined && draft[name] !== now[name]);
  const change: SourceChange = Object.fromEntries(names.map((name) => [name, draft[name]]));
  // Without it the server takes what fits the address, and would drop a password in silence.
  if (change.url !== undefined && draft.credential) change.credential = draft.credential;
  return change;
}
