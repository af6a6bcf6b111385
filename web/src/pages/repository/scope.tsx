// Everything below /repositories/NAME/-/: finds the repository and shows its page.
import { createContext, useContext } from "react";
import { type LoaderFunctionArgs, matchPath, Navigate, useLocation } from "react-router";
import { hasStatus, type Repository } from "../../api";
import { client } from "../../client";
import { askSoon, pageOf, placeOf } from "../../lazy";
import { repositoryQuery, useRepository } from "../../queries";
import { useShell } from "../../shell/text";
import { decodedPart, repositoryUrl, splitRepositoryPath } from "../../urls";
import { Shown } from "../../ui/states";
import { REPOSITORY_PAGES } from "../addresses";
import NotFound from "../notfound";

const PAGES = Object.entries(REPOSITORY_PAGES).map(([pattern, folder]) => [pattern, pageOf(folder)] as const);

interface Scope {
  repository: Repository;
  params: Record<string, string | undefined>;
}

const ScopeContext = createContext<Scope | null>(null);

/** The repository of the address, and the parameters of the page's own part of it. */
export function useScope(): Scope {
  const scope = useContext(ScopeContext);
  if (!scope) throw new Error("not below /repositories/NAME/-/");
  return scope;
}

/** The parameters as they were before they were encoded: a digest's colon is %3A in the address. */
function decoded(params: Record<string, string | undefined>) {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value && decodedPart(value)]));
}

function find(page: string) {
  for (const [pattern, Shows] of PAGES) {
    const match = matchPath(`/${pattern}`, `/${page}`);
    if (match) return { Shows, params: decoded(match.params) };
  }
  return null;
}

/** Fetches the script of the page that the address is of. */
export async function loadRepositoryPage({ params, request }: LoaderFunctionArgs) {
  const place = splitRepositoryPath(`/repositories/${params["*"] ?? ""}`);
  if (!place) return null;
  const asked = askSoon(() => [client.prefetchQuery(repositoryQuery(place.name))]);
  await Promise.all([asked, find(place.page)?.Shows.load(placeOf(request, place.name))]);
  return null;
}

function RepositoryPage({ name, page }: { name: string; page: string }) {
  const t = useShell();
  const query = useRepository(name);
  const found = find(page);
  const gone = !query.data && hasStatus(query.error, 404);
  if (gone) return <NotFound title={t("shell.noRepository")} text={t("shell.noRepositoryText", { name })} />;
  if (!found) return <NotFound />;
  const { Shows, params } = found;
  return (
    <Shown query={query}>
      {(repository) => (
        <ScopeContext.Provider value={{ repository, params }}>
          <Shows />
        </ScopeContext.Provider>
      )}
    </Shown>
  );
}

export function RepositoryScope() {
  const { pathname } = useLocation();
  const place = splitRepositoryPath(pathname);
  if (place) return <RepositoryPage key={place.name} {...place} />;
  const name = pathname.replace(/^\/repositories\//, "").replace(/\/+$/, "");
  return <Navigate replace to={repositoryUrl(decodeURIComponent(name))} />;
}
