// Pages are scripts of their own, fetched before they are shown: React holds a page back for 300 ms once a fallback was on screen.
import { type ComponentType, createElement, type FunctionComponent } from "react";
import type { LoaderFunctionArgs, RouteObject, ShouldRevalidateFunctionArgs } from "react-router";

export interface LazyPage extends FunctionComponent {
  /** Fetches the script; what fails is tried again by the next call. */
  load: () => Promise<null>;
}

export function lazyPage(load: () => Promise<{ default: ComponentType }>): LazyPage {
  let page: ComponentType | null = null;
  let asked: Promise<null> | undefined;
  const Lazy: LazyPage = () => page && createElement(page);
  Lazy.load = () => {
    asked ??= load().then(
      (module) => {
        page = module.default;
        return null;
      },
      (error: unknown) => {
        asked = undefined;
        throw error;
      },
    );
    return asked;
  };
  return Lazy;
}

/** A route that is entered once `load` is done; another query of the same path is the same page. */
export function lazyRoute(path: string, Component: ComponentType, load: (args: LoaderFunctionArgs) => Promise<null>): RouteObject {
  const shouldRevalidate = ({ currentUrl, nextUrl }: ShouldRevalidateFunctionArgs) => currentUrl.pathname !== nextUrl.pathname;
  return { path, Component, loader: load, shouldRevalidate };
}
