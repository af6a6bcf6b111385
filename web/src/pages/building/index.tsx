// Repository > Build: Build Rules and Build Log.
import type { Ask } from "../../lazy";
import { buildsQuery, rulesQuery } from "../../queries";
import { Page } from "../../ui/page";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { PAGE_SIZE } from "./hold";
import { BuildRecords } from "./records";
import { BuildRules } from "./rules";
import { useText } from "./text";

export const ask: Ask = (client, { repository, search }) => [
  client.prefetchQuery(rulesQuery(repository)),
  client.prefetchQuery(buildsQuery({ repository, status: search.get("status") ?? "", trigger: search.get("trigger") ?? "", limit: PAGE_SIZE })),
];

export default function Building() {
  const t = useText();
  const { repository } = useScope();
  return (
    <Page title={t("building.title")} crumbs={useCrumbs(repository.fullName)}>
      <BuildRules repository={repository} />
      <BuildRecords repository={repository} />
    </Page>
  );
}
