// What a wizard has so far, kept in the tab, so that a reload loses nothing.
import { useCallback, useState } from "react";

/** `secret` names what is not written down. */
export function useDraft<T extends object>(key: string, first: T, secret: (keyof T)[] = []) {
  const [draft, setDraft] = useState<T>(() => {
    try {
      return { ...first, ...JSON.parse(sessionStorage.getItem(key) ?? "{}") };
    } catch {
      return first;
    }
  });
  const change = useCallback(
    (part: Partial<T>) =>
      setDraft((old) => {
        const next = { ...old, ...part };
        const kept = Object.fromEntries(Object.entries(next).filter(([name]) => !secret.includes(name as keyof T)));
        sessionStorage.setItem(key, JSON.stringify(kept));
        return next;
      }),
    // The names of secrets never change.
    [key],
  );
  const forget = useCallback(() => sessionStorage.removeItem(key), [key]);
  return [draft, change, forget] as const;
}
