// The router: pages/addresses.ts names the pages. Each page is a script of its own.
import { createBrowserRouter, Navigate } from "react-router";
import { lazyRoute, pageOf, placeOf } from "./lazy";
import { INSTANCE_PAGES } from "./pages/addresses";
import NotFound from "./pages/notfound";
import { loadRepositoryPage, RepositoryScope } from "./pages/repository/scope";
import { Crash } from "./shell/crash";
import { Layout, OPEN } from "./shell/layout";

/** Those that need no session. */
const OPEN_PAGES = new Set(["/docs/api"]);

const instancePages = Object.entries(INSTANCE_PAGES).map(([path, folder]) => {
  const Page = pageOf(folder);
  return { ...lazyRoute(path, Page, ({ request }) => Page.load(placeOf(request))), handle: OPEN_PAGES.has(path) ? OPEN : undefined };
});

export function makeRouter() {
  const basename = new URL(document.baseURI).pathname.replace(/\/+$/, "");
  return createBrowserRouter(
    [
      {
        element: <Layout />,
        errorElement: <Crash />,
        children: [
          { path: "/login", element: <Navigate replace to="/" /> },
          ...instancePages,
          lazyRoute("/repositories/*", RepositoryScope, loadRepositoryPage),
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
    { basename: basename || "/" },
  );
}
