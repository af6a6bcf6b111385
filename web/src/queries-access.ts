// What pages ask about users, namespaces and who has which role; the rest is in queries.ts.
import { useQuery } from "@tanstack/react-query";
import { allOf, api, firstOf, type Member, type Namespace, path, type Repository, type Token, type User, withQuery } from "./api";

export function useNamespace(name: string) {
  return useQuery({
    queryKey: ["namespaces", name],
    queryFn: ({ signal }) => api.get<Namespace>(path`namespaces/${name}`, signal),
  });
}

/** For those who have the role maintain in all of it. */
export function useMembers(namespace: string) {
  return useQuery({
    queryKey: ["namespaces", namespace, "members"],
    queryFn: ({ signal }) => allOf<Member>(path`namespaces/${namespace}/members`, signal),
  });
}

/** All of a namespace, to choose from. */
export function useRepositoriesIn(namespace: string) {
  return useQuery({
    queryKey: ["repositories", { namespace, all: true }],
    queryFn: ({ signal }) => allOf<Repository>(withQuery("repositories", { namespace }), signal),
  });
}

const MOST_USERS = 10_000;

/** For administrators. */
export function useUsers(enabled = true) {
  return useQuery({
    queryKey: ["users"],
    queryFn: async ({ signal }) => (await firstOf<User>("users", signal, MOST_USERS)).items,
    enabled,
  });
}

export function useUser(name: string) {
  return useQuery({ queryKey: ["users", name], queryFn: ({ signal }) => api.get<User>(path`users/${name}`, signal) });
}

/** For administrators. */
export function useTokensOf(user: string) {
  return useQuery({ queryKey: ["tokens", user], queryFn: ({ signal }) => allOf<Token>(path`users/${user}/tokens`, signal) });
}
