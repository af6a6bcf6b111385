// Which page an address shows. Each page is a script of its own.
import { createBrowserRouter, Navigate } from "react-router";
import { type LazyPage, lazyPage, lazyRoute } from "./lazy";
import NotFound from "./pages/notfound";
import { loadRepositoryPage, RepositoryScope } from "./pages/repository/scope";
import { Crash } from "./shell/crash";
import { Layout, OPEN } from "./shell/layout";

const Home = lazyPage(() => import("./pages/home"));
const Instances = lazyPage(() => import("./pages/instances"));
const Repositories = lazyPage(() => import("./pages/repositories"));
const CreateRepository = lazyPage(() => import("./pages/create"));
const Namespaces = lazyPage(() => import("./pages/namespaces"));
const Builds = lazyPage(() => import("./pages/builds"));
const Sources = lazyPage(() => import("./pages/sources"));
const Users = lazyPage(() => import("./pages/users"));
const Workers = lazyPage(() => import("./pages/workers"));
const Audit = lazyPage(() => import("./pages/audit"));
const Server = lazyPage(() => import("./pages/server"));
const Setup = lazyPage(() => import("./pages/setup"));
const Account = lazyPage(() => import("./pages/account"));
const Short = lazyPage(() => import("./pages/short"));
const Reference = lazyPage(() => import("./pages/reference"));

const page = (path: string, Page: LazyPage) => lazyRoute(path, Page, Page.load);

export function makeRouter() {
  const basename = new URL(document.baseURI).pathname.replace(/\/+$/, "");
  return createBrowserRouter(
    [
      {
        element: <Layout />,
        errorElement: <Crash />,
        children: [
          { path: "/login", element: <Navigate replace to="/" /> },
          page("/", Home),
          page("/instances", Instances),
          page("/repositories", Repositories),
          page("/repositories/new", CreateRepository),
          lazyRoute("/repositories/*", RepositoryScope, loadRepositoryPage),
          page("/namespaces", Namespaces),
          page("/namespaces/:name", Namespaces),
          page("/builds", Builds),
          page("/sources", Sources),
          page("/sources/:id", Sources),
          page("/users", Users),
          page("/users/:name", Users),
          page("/workers", Workers),
          page("/audit", Audit),
          page("/settings", Server),
          page("/setup", Setup),
          page("/account", Account),
          { ...page("/docs/api", Reference), handle: OPEN },
          page("/b/:build", Short),
          page("/d/:digest", Short),
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
    { basename: basename || "/" },
  );
}
