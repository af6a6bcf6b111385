// Repository > Build: Build Rules and Build Log.
import { Page } from "../../ui/page";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { BuildRecords } from "./records";
import { BuildRules } from "./rules";
import { useText } from "./text";

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
