// Who is signed in. The cookie is the server's business; the page keeps the CSRF token in memory.
import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, setCsrfToken, whenSignedOut, type WhoAmI } from "./api";

export interface Session {
  user: WhoAmI;
  csrfToken: string;
}

const KEY = ["session"];

async function fetchSession(signal?: AbortSignal): Promise<Session | null> {
  const session = await api.get<Session | undefined>("session", signal);
  if (!session) return null;
  setCsrfToken(session.csrfToken);
  return session;
}

const QUERY = { queryKey: KEY, queryFn: ({ signal }: { signal?: AbortSignal }) => fetchSession(signal), staleTime: 300_000 };

/** undefined while it is asked for, null when nobody is signed in. */
export function useSession() {
  return useQuery(QUERY);
}

/** Asks before any page does, once; done with the answer, or without one. Whether somebody is signed in. */
export async function askSession(client: QueryClient): Promise<boolean> {
  // Later on nobody waits for it: a server that does not answer would hold each page back.
  if (client.getQueryData(KEY) === undefined) await client.prefetchQuery(QUERY);
  return Boolean(client.getQueryData(KEY));
}

export function useMe(): WhoAmI | null {
  return useSession().data?.user ?? null;
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (who: { user: string; password: string }) => api.post<Session>("session", who),
    onSuccess: (session) => {
      setCsrfToken(session.csrfToken);
      client.setQueryData(KEY, session);
    },
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.remove<void>("session"),
    onSuccess: () => forget(client),
  });
}

function forget(client: QueryClient) {
  setCsrfToken("");
  client.setQueryData(KEY, null);
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
}

/** From now on an answer 401 to anything shows the sign-in page, and what was on screen is kept in the address. */
export function watchSession(client: QueryClient) {
  whenSignedOut(() => client.setQueryData(KEY, null));
}
