// What an endpoint can be told, and what of it is changed.
import type { Endpoint, EndpointEvent } from "../../api";
import en from "../../i18n/outgoing.en.json";

const EVENT = "outgoing.event.";

/** In the order of the texts. */
export const EVENTS = Object.keys(en)
  .filter((key) => key.startsWith(EVENT))
  .map((key) => key.slice(EVENT.length) as EndpointEvent);

export type EndpointDraft = Pick<Endpoint, "url" | "format" | "events" | "signed" | "enabled">;

export const FIRST: EndpointDraft = { url: "", format: "cloudevents", events: EVENTS, signed: false, enabled: true };

export function draftOf({ url, format, events, signed, enabled }: Endpoint): EndpointDraft {
  return { url, format, events, signed, enabled };
}

/** Only what differs is sent. */
export function changeOf(now: EndpointDraft, draft: EndpointDraft): Partial<EndpointDraft> {
  const same = (a: unknown, b: unknown) =>
    Array.isArray(a) && Array.isArray(b) ? [...a].sort().join() === [...b].sort().join() : a === b;
  const names = (Object.keys(now) as Array<keyof EndpointDraft>).filter((name) => !same(draft[name], now[name]));
  return Object.fromEntries(names.map((name) => [name, draft[name]]));
}

/** The path of an address may be what lets in: it is shown where one asks for it. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
