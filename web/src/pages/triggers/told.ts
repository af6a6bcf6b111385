import type { EndpointEvent } from "../../api";
import en from "../../i18n/outgoing.en.json";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/outgoing.zh.json";
import { EVENTS } from "./endpoint";

export const useTold = textOf(en, zh);

/** What an event is called; `test` is no event that one chooses. */
export function useEventName(): (event: string) => string {
  const t = useTold();
  return (event) => (EVENTS.includes(event as EndpointEvent) ? t(`outgoing.event.${event as EndpointEvent}`) : t("outgoing.test"));
}
