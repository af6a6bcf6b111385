// The table Build Log: the builds of the repository, newest first.
import type { Repository } from "../../api";
import { useParam } from "../../ui/cursor";
import { Section } from "../../ui/page";
import { Nothing } from "../../ui/states";
import { BuildList, StateField } from "./list";
import { useText } from "./text";

export function BuildRecords({ repository }: { repository: Repository }) {
  const t = useText();
  const [status] = useParam("status");
  return (
    <Section title={t("building.records")} actions={<StateField />}>
      <BuildList
        filter={{ repository: repository.fullName, status }}
        caption={t("building.records")}
        none={
          <Nothing title={t(status ? "building.noneInState" : "building.noBuilds")}>
            {status ? null : <p>{t("building.noBuildsText")}</p>}
          </Nothing>
        }
      />
    </Section>
  );
}
