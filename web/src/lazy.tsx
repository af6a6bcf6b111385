// Pages are scripts of their own, fetched before they are shown: React holds a page back for 300 ms once a fallback was on screen.
import type { QueryClient } from "@tanstack/react-query";
import { type ComponentType, createElement, type FunctionComponent } from "react";
import type { LoaderFunctionArgs, RouteObject, ShouldRevalidateFunctionArgs } from "react-router";
import { client } from "./client";
import { askSession } from "./session";

export interface Place {
  /** "" if the page is of none. */
  repository: string;
  search: URLSearchParams;
}

/** Asks the server for what the page of this place shows first. */
export type Ask = (client: QueryClient, place: Place) => Promise<void>[];

interface Module {
  default: ComponentType;
  ask?: Ask;
}

export interface LazyPage extends FunctionComponent {
  /** Fetches the script, and what the page asks for if that comes at once; a script that fails is tried again by the next call. */
  load: (place: Place) => Promise<null>;
}

const SOON_MS = 100;

/** What the server answers at once is on screen with the page, which shows for the rest that it waits. Nothing is asked for nobody. */
export async function askSoon(asks: () => Promise<void>[]) {
  if (!(await askSession(client))) return;
  await Promise.race([Promise.all(asks()), new Promise((resolve) => setTimeout(resolve, SOON_MS))]);
}

function lazyPage(load: () => Promise<Module>): LazyPage {
  let page: Module | undefined;
  const Lazy: LazyPage = () => page && createElement(page.default);
  Lazy.load = async (place) => {
    page ??= await load();
    const { ask } = page;
    if (ask) await askSoon(() => ask(client, place));
    return null;
  };
  return Lazy;
}

const folders = import.meta.glob<Module>("./pages/*/index.tsx");
const pages = new Map<string, LazyPage>();

/** The page of a folder in pages/. */
export function pageOf(folder: string): LazyPage {
  const load = folders[`./pages/${folder}/index.tsx`];
  if (!load) throw new Error(`no page in pages/${folder}`);
  const page = pages.get(folder) ?? lazyPage(load);
  pages.set(folder, page);
  return page;
}

export const placeOf = (request: Request, repository = ""): Place => ({ repository, search: new URL(request.url).searchParams });

/** A route that is entered once `load` is done; another query of the same path is the same page. */
export function lazyRoute(path: string, Component: ComponentType, load: (args: LoaderFunctionArgs) => Promise<null>): RouteObject {
  const shouldRevalidate = ({ currentUrl, nextUrl }: ShouldRevalidateFunctionArgs) => currentUrl.pathname !== nextUrl.pathname;
  return { path, Component, loader: load, shouldRevalidate };
}
