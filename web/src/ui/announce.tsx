// The one polite live region: what happened, for those who do not see it happen.
import { useSyncExternalStore } from "react";

let text = "";
const listeners = new Set<() => void>();

export function announce(what: string) {
  // The same words twice are read twice only when the text differs.
  text = what === text ? `${what}\u00a0` : what;
  for (const listener of listeners) listener();
}

export function LiveRegion() {
  const now = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => text,
  );
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {now}
    </div>
  );
}
