// Which page an address shows. Each page is a script of its own.
import { lazy } from "react";
import { createBrowserRouter, Navigate } from "react-router";
import NotFound from "./pages/notfound";
import { RepositoryScope } from "./pages/repository/scope";
import { Crash } from "./shell/crash";
import { Layout } from "./shell/layout";

const Home = lazy(() => import("./pages/home"));
const Instances = lazy(() => import("./pages/instances"));
const Repositories = lazy(() => import("./pages/repositories"));
const CreateRepository = lazy(() => import("./pages/create"));
const Sources = lazy(() => import("./pages/sources"));
const Workers = lazy(() => import("./pages/workers"));
const Audit = lazy(() => import("./pages/audit"));
const Server = lazy(() => import("./pages/server"));
const Setup = lazy(() => import("./pages/setup"));
const Account = lazy(() => import("./pages/account"));

export function makeRouter() {
  const basename = new URL(document.baseURI).pathname.replace(/\/+$/, "");
  return createBrowserRouter(
    [
      {
        element: <Layout />,
        errorElement: <Crash />,
        children: [
          { path: "/login", element: <Navigate replace to="/" /> },
          { path: "/", element: <Home /> },
          { path: "/instances", element: <Instances /> },
          { path: "/repositories", element: <Repositories /> },
          { path: "/repositories/new", element: <CreateRepository /> },
          { path: "/repositories/*", element: <RepositoryScope /> },
          { path: "/sources", element: <Sources /> },
          { path: "/sources/:id", element: <Sources /> },
          { path: "/workers", element: <Workers /> },
          { path: "/audit", element: <Audit /> },
          { path: "/settings", element: <Server /> },
          { path: "/setup", element: <Setup /> },
          { path: "/account", element: <Account /> },
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
    { basename: basename || "/" },
  );
}
