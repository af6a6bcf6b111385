// Lists come in pages by cursor; the cursors of the way here are in the address, so that back and a copied link work.
import { Button } from "antd";
import { useSearchParams } from "react-router";
import { useCommon } from "../i18n/common";

interface ParamOptions {
  /** Of the list that it is about, where a page has more than one. */
  cursor?: string;
  /** Other items are listed for another value, from the first page on. */
  narrows?: boolean;
}

/** One value of the address's query; setting it drops the cursor if it narrows the list. */
export function useParam(
  name: string,
  first = "",
  { cursor = "cursor", narrows = name !== cursor }: ParamOptions = {},
): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = (value: string) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (value === first) next.delete(name);
        else next.set(name, value);
        if (narrows) next.delete(cursor);
        return next;
      },
      // As a transition it would come a frame or more later: a box that is ticked would show that it is not, until then.
      { replace: name !== cursor, flushSync: true },
    );
  return [params.get(name) ?? first, set];
}

export function CursorPager({ next, busy, param = "cursor" }: { next: string | null | undefined; busy?: boolean; param?: string }) {
  const t = useCommon();
  const [cursor, setCursor] = useParam(param, "", { cursor: param });
  if (!cursor && !next) return null;
  return (
    <nav className="pager" aria-label={t("common.pages")}>
      <Button disabled={!cursor} onClick={() => setCursor("")}>
        {t("common.backToFirst")}
      </Button>
      <Button disabled={!next || busy} onClick={() => next && setCursor(next)}>
        {t("common.next")}
      </Button>
    </nav>
  );
}
