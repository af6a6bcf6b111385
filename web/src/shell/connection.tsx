// Says that the server does not answer, and asks again until it does.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { ApiError, serverUrl } from "../api";
import { announce } from "../ui/announce";
import { useShell } from "./text";

const RETRY_MS = 3000;

/** Whether the newest answer of any query was that there is none. */
function useOffline(): boolean {
  const cache = useQueryClient().getQueryCache();
  return useSyncExternalStore(
    (listener) => cache.subscribe(listener),
    () => cache.getAll().some((q) => q.state.error instanceof ApiError && q.state.error.code === "OFFLINE" && q.isActive()),
  );
}

export function ConnectionBanner() {
  const t = useShell();
  const client = useQueryClient();
  const offline = useOffline();
  const { data: back } = useQuery({
    queryKey: ["alive"],
    queryFn: async () => (await fetch(serverUrl("healthz"), { cache: "no-store" })).ok,
    enabled: offline,
    retry: true,
    retryDelay: RETRY_MS,
    gcTime: 0,
    networkMode: "always",
  });
  useEffect(() => {
    if (!back || !offline) return;
    announce(t("shell.online"));
    void client.refetchQueries({ type: "active", predicate: (q) => q.queryKey[0] !== "alive" });
    client.removeQueries({ queryKey: ["alive"] });
  }, [back, offline, client, t]);
  if (!offline) return null;
  return (
    <div className="offline" role="alert">
      {t("shell.offline")}
    </div>
  );
}
