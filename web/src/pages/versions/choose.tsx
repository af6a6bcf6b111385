// Two tags of the list are chosen and compared.
import { Button } from "antd";
import { useNavigate } from "react-router";
import type { Tag } from "../../api";
import { useParam } from "../../ui/cursor";
import type { Column } from "../../ui/table";
import { compareUrl } from "../../urls";
import { useText } from "./text";

const MOST = 2;

/** The names that are chosen, on whichever page of the list they are. */
function useChosen(): [string[], (names: string[]) => void] {
  const [all, setAll] = useParam("compare", "", { narrows: false });
  return [all ? all.split(",").slice(0, MOST) : [], (names) => setAll(names.join(","))];
}

export function useChooseColumn(): Column<Tag> {
  const t = useText();
  const [chosen, setChosen] = useChosen();
  return {
    title: t("version.select"),
    narrow: true,
    render: ({ name }) => (
      <input
        type="checkbox"
        className="check"
        checked={chosen.includes(name)}
        disabled={chosen.length >= MOST && !chosen.includes(name)}
        aria-label={t("version.selectNamed", { name })}
        onChange={({ target }) => setChosen(target.checked ? [...chosen, name] : chosen.filter((other) => other !== name))}
      />
    ),
  };
}

/** The older first, when the list knows both. */
function inOrder(names: string[], tags: Tag[]): string[] {
  const at = (name: string) => Date.parse(tags.find((tag) => tag.name === name)?.updatedAt ?? "");
  return [...names].sort((a, b) => at(a) - at(b) || 0);
}

export function Chosen({ repository, tags }: { repository: string; tags: Tag[] }) {
  const t = useText();
  const navigate = useNavigate();
  const [chosen, setChosen] = useChosen();
  const [a = "", b = ""] = inOrder(chosen, tags);
  if (chosen.length === 0) return null;
  return (
    <div className="toolbar row" role="status">
      <span>
        {t("version.chosen", { names: chosen.join(", ") })} {chosen.length < MOST ? t("version.chooseAnother") : ""}
      </span>
      <Button type="primary" disabled={chosen.length < MOST} onClick={() => void navigate(compareUrl(repository, a, b))}>
        {t("version.compare")}
      </Button>
      <Button onClick={() => setChosen([])}>{t("version.clear")}</Button>
    </div>
  );
}
