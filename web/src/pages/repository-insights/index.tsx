// Repository > Insights: what its builds say together.
import { Page } from "../../ui/page";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { Content } from "../insights/content";
import { useText } from "../insights/text";

export default function RepositoryInsights() {
  const t = useText();
  const { repository } = useScope();
  return (
    <Page title={t("insights.title")} lead={t("insights.leadOne")} crumbs={useCrumbs(repository.fullName)}>
      <Content repository={repository.fullName} />
    </Page>
  );
}
