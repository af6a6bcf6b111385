// Everything below /repositories/NAME/-/: finds the repository and shows its page.
import { createContext, lazy, useContext } from "react";
import { matchPath, Navigate, useLocation } from "react-router";
import type { Repository } from "../../api";
import { useRepository } from "../../queries";
import { repositoryUrl, splitRepositoryPath } from "../../urls";
import { Shown } from "../../ui/states";
import NotFound from "../notfound";

// The first that matches is shown. A new page of a repository is one line here and one in shell/nav.tsx.
const PAGES = [
  ["info", lazy(() => import("../details"))],
  ["build", lazy(() => import("../building"))],
  ["versions", lazy(() => import("../versions"))],
  ["versions/:tag", lazy(() => import("../image"))],
  ["manifests/:digest", lazy(() => import("../image"))],
  ["settings", lazy(() => import("../settings"))],
  ["build/rules/new", lazy(() => import("../rule"))],
  ["build/rules/:rule/edit", lazy(() => import("../rule"))],
  ["builds/:build", lazy(() => import("../build"))],
] as const;

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

function RepositoryPage({ name, page }: { name: string; page: string }) {
  const query = useRepository(name);
  for (const [pattern, Shows] of PAGES) {
    const match = matchPath(`/${pattern}`, `/${page}`);
    if (!match) continue;
    return (
      <Shown query={query}>
        {(repository) => (
          <ScopeContext.Provider value={{ repository, params: match.params }}>
            <Shows />
          </ScopeContext.Provider>
        )}
      </Shown>
    );
  }
  return <NotFound />;
}

export function RepositoryScope() {
  const { pathname } = useLocation();
  const place = splitRepositoryPath(pathname);
  if (place) return <RepositoryPage key={place.name} {...place} />;
  const name = pathname.replace(/^\/repositories\//, "").replace(/\/+$/, "");
  return <Navigate replace to={repositoryUrl(decodeURIComponent(name))} />;
}
