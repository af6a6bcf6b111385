// The table Build Log: the builds of the repository, newest first.
import type { Repository } from "../../api";
import { useParam } from "../../ui/cursor";
import { Section } from "../../ui/page";
import { Nothing } from "../../ui/states";
import { BuildList, StateField, TriggerField } from "./list";
import { useText } from "./text";

export function BuildRecords({ repository }: { repository: Repository }) {
  const t = useText();
  const [status] = useParam("status");
  const [trigger] = useParam("trigger");
  return (
    <Section title={t("building.records")} actions={[<StateField key="s" />, <TriggerField key="t" />]}>
      <BuildList
        filter={{ repository: repository.fullName, status, trigger }}
        caption={t("building.records")}
        none={
          <Nothing title={t(trigger ? "building.noneByTrigger" : status ? "building.noneInState" : "building.noBuilds")}>
            {status || trigger ? null : <p>{t("building.noBuildsText")}</p>}
          </Nothing>
        }
      />
    </Section>
  );
}
