// All builds of all repositories that one may see, and the queue.
import { Button, Tabs } from "antd";
import { useNavigate } from "react-router";
import { useParam } from "../../ui/cursor";
import { Page, Section } from "../../ui/page";
import { Nothing } from "../../ui/states";
import { BuildList } from "../building/list";
import "./builds.css";
import { Filters, useFilter } from "./filters";
import { Queue } from "./queue";
import { useText } from "./text";

function None({ filtered }: { filtered: boolean }) {
  const t = useText();
  const navigate = useNavigate();
  if (!filtered) {
    return (
      <Nothing title={t("builds.none")}>
        <p>{t("builds.noneText")}</p>
      </Nothing>
    );
  }
  return (
    <Nothing title={t("builds.noMatch")}>
      <Button onClick={() => void navigate("/builds")}>{t("builds.clear")}</Button>
    </Nothing>
  );
}

function All() {
  const t = useText();
  const filter = useFilter();
  return (
    <Section title={t("builds.newest")}>
      <Filters />
      <BuildList filter={filter} caption={t("builds.title")} withRepository none={<None filtered={Object.values(filter).some(Boolean)} />} />
    </Section>
  );
}

export default function Builds() {
  const t = useText();
  const [view, setView] = useParam("view", "all");
  return (
    <Page title={t("builds.title")} lead={t("builds.lead")}>
      <Tabs
        activeKey={view}
        onChange={setView}
        destroyOnHidden
        items={[
          { key: "all", label: t("builds.view.all"), children: <All /> },
          { key: "queue", label: t("builds.view.queue"), children: <Queue /> },
        ]}
      />
    </Page>
  );
}
