// Insights: what the builds of all repositories that one may see say together.
import { Page } from "../../ui/page";
import { Content } from "./content";
import { useText } from "./text";

export default function Insights() {
  const t = useText();
  return (
    <Page title={t("insights.title")} lead={t("insights.lead")}>
      <Content />
    </Page>
  );
}
