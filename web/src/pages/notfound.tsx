import { Button } from "antd";
import { useLocation, useNavigate } from "react-router";
import { useShell } from "../shell/text";
import { Page } from "../ui/page";

interface NotFoundProps {
  title?: string;
  /** Why there is nothing. */
  text?: string;
}

export default function NotFound({ title, text }: NotFoundProps) {
  const t = useShell();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  return (
    <Page title={title ?? t("shell.notFound")}>
      <p className="given">{text ?? t("shell.notFoundText", { path: pathname })}</p>
      <Button type="primary" onClick={() => void navigate("/repositories")}>
        {t("shell.goToRepositories")}
      </Button>
    </Page>
  );
}
