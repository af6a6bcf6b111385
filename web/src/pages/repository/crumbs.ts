import { useShell } from "../../shell/text";
import type { Crumb } from "../../ui/page";
import { repositoryUrl } from "../../urls";

/** The way to a page of a repository. */
export function useCrumbs(name: string): Crumb[] {
  const t = useShell();
  return [
    { text: t("shell.repositories"), to: "/repositories" },
    { text: name, to: repositoryUrl(name) },
  ];
}
