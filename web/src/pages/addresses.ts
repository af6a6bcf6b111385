// Which folder's page an address shows. The first that matches is shown, so what is more exact comes first.
// A new page is a line here and one in shell/nav.tsx. vite.config.ts reads this too, for boot.js.

export const INSTANCE_PAGES = {
  "/": "home",
  "/instances": "instances",
  "/repositories": "repositories",
  "/repositories/new": "create",
  "/namespaces": "namespaces",
  "/namespaces/:name": "namespaces",
  "/builds": "builds",
  "/insights": "insights",
  "/sources": "sources",
  "/sources/:id": "sources",
  "/users": "users",
  "/users/:name": "users",
  "/workers": "workers",
  "/audit": "audit",
  "/settings": "server",
  "/setup": "setup",
  "/account": "account",
  "/docs/api": "reference",
  "/b/:build": "short",
  "/d/:digest": "short",
};

/** Below /repositories/NAME/-/. */
export const REPOSITORY_PAGES = {
  info: "details",
  build: "building",
  versions: "versions",
  "versions/:tag": "image",
  "manifests/:digest": "image",
  "compare/:versions": "compare",
  triggers: "triggers",
  insights: "repository-insights",
  settings: "settings",
  "build/rules/new": "rule",
  "build/rules/:rule/edit": "rule",
  "builds/:build": "build",
};

/** For location.pathname below the console's base: what matches, and the folder. */
export function pagePatterns(): [RegExp, string][] {
  const pattern = (start: string, path: string) => new RegExp(`^${start}${path.replace(/:\w+/g, "[^/]+")}/?$`);
  return [
    ...Object.entries(INSTANCE_PAGES).map(([path, folder]): [RegExp, string] => [pattern("", path), folder]),
    ...Object.entries(REPOSITORY_PAGES).map(([path, folder]): [RegExp, string] => [pattern("/repositories/.+/-/", path), folder]),
  ];
}
