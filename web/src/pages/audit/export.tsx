// What the filter leaves, as a file of JSON lines that the browser makes of the pages of the API.
import { DownloadOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useEffect, useRef, useState } from "react";
import { api, type AuditPage, withQuery } from "../../api";
import * as format from "../../i18n/format";
import { usePrefs } from "../../prefs";
import type { AuditFilter } from "../../queries";
import { announce } from "../../ui/announce";
import { download } from "../../ui/download";
import { ProblemAlert } from "../../ui/states";
import { EXPORTED, linesOf, pagesOf } from "./pages";
import { useText } from "./text";

const fetchPage = (filter: AuditFilter, signal: AbortSignal) => (cursor: string | null, limit: number) =>
  api.get<AuditPage>(withQuery("audit", { ...filter, cursor, limit }), signal);

const fileName = () => `kiln-audit-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jsonl`;

export function Export({ filter }: { filter: AuditFilter }) {
  const t = useText();
  const { language } = usePrefs();
  const most = format.number(language, EXPORTED);
  const running = useRef<AbortController>(null);
  const [count, setCount] = useState<number | null>(null);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const start = async () => {
    const control = new AbortController();
    running.current = control;
    setError(null);
    setSaid("");
    setCount(0);
    try {
      const { entries, more } = await pagesOf(fetchPage(filter, control.signal), setCount);
      download(fileName(), "application/jsonl", linesOf(entries));
      const words = more ? t("audit.exportedCut", { n: most }) : t("audit.exported", { n: entries.length });
      setSaid(words);
      announce(words);
    } catch (problem) {
      if (!control.signal.aborted) setError(problem as Error);
    } finally {
      setCount(null);
    }
  };
  return (
    <div className="export">
      <div className="row">
        <Button icon={<DownloadOutlined aria-hidden />} loading={count !== null} onClick={() => void start()}>
          {t("audit.export")}
        </Button>
        {count !== null ? <Button onClick={() => running.current?.abort()}>{t("audit.stop")}</Button> : null}
        <span className="hint">{count !== null ? t("audit.exporting", { n: count }) : said || t("audit.exportHint", { n: most })}</span>
      </div>
      {error ? <ProblemAlert error={error} /> : null}
    </div>
  );
}
