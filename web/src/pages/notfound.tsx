import { Button } from "antd";
import { useLocation, useNavigate } from "react-router";
import { useShell } from "../shell/text";
import { Page } from "../ui/page";

export default function NotFound() {
  const t = useShell();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  return (
    <Page title={t("shell.notFound")}>
      <p>{t("shell.notFoundText", { path: pathname })}</p>
      <Button type="primary" onClick={() => void navigate("/repositories")}>
        {t("shell.goToRepositories")}
      </Button>
    </Page>
  );
}
