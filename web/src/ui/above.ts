// Whether the top of something is above what one sees.
import { type RefObject, useSyncExternalStore } from "react";

/** The height of the top bar, which covers what is below it. */
const COVERED_PX = 56;

function subscribe(listener: () => void) {
  addEventListener("scroll", listener, { passive: true });
  return () => removeEventListener("scroll", listener);
}

export function useAbove(top: RefObject<HTMLElement | null>): boolean {
  return useSyncExternalStore(subscribe, () => (top.current?.getBoundingClientRect().top ?? COVERED_PX) < COVERED_PX);
}
