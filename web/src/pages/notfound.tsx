// An address that leads nowhere: why, what may have been meant, and the search.
import { Button } from "antd";
import { Link, useLocation, useNavigate } from "react-router";
import { useRepositoriesOf } from "../queries";
import { usePages } from "../shell/nav";
import { askedBy, nearest } from "../shell/near";
import { SearchBox } from "../shell/search";
import { useShell } from "../shell/text";
import { Page, Section } from "../ui/page";
import { repositoryUrl } from "../urls";

const SHOWN = 5;

function Nearest({ asked }: { asked: string }) {
  const t = useShell();
  const names = (useRepositoriesOf({}).data?.items ?? []).map((repository) => repository.fullName);
  const repositories = nearest(asked, names, (name) => name, SHOWN).map((name) => ({ text: name, to: repositoryUrl(name) }));
  const pages = nearest(asked, usePages(), (page) => page.to.slice(1), SHOWN);
  const found = [...repositories, ...pages];
  if (found.length === 0) return null;
  return (
    <Section title={t("shell.nearest")}>
      <ul className="nearest">
        {found.map(({ text, to }) => (
          <li key={to}>
            <Link to={to}>{text}</Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}

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
      <Nearest asked={askedBy(pathname)} />
      <Section title={t("shell.search")}>
        <SearchBox />
      </Section>
      <Button type="primary" onClick={() => void navigate("/repositories")}>
        {t("shell.goToRepositories")}
      </Button>
    </Page>
  );
}
