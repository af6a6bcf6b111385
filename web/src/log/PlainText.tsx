// A part of the log as ordinary text, which every reader of screens can read; the parts before and after by buttons.
import { Button } from "antd";
import { useEffect, useState } from "react";
import { number } from "../i18n/format";
import { usePrefs } from "../prefs";
import { plainText } from "./ansi";
import type { LogController } from "./controller";
import { useLogText } from "./text";

const PART = 1000;

export function PlainText({ log }: { log: LogController }) {
  const t = useLogText();
  const { language } = usePrefs();
  const [from, setFrom] = useState(() => Math.floor(log.firstLine() / PART) * PART);
  const [text, setText] = useState("");
  const { total } = log.snapshot();

  useEffect(() => {
    const request = new AbortController();
    log.source
      .page(from, PART, {}, request.signal)
      .then((page) => setText(page.lines.map((l) => plainText(l.text)).join("\n")))
      .catch((error: Error) => request.signal.aborted || setText(error.message));
    return () => request.abort();
  }, [log, from]);

  const range = { from: number(language, from + 1), to: number(language, Math.min(from + PART, total)), total: number(language, total) };
  return (
    <div className="log-pane">
      <div className="log-tools log-part">
        <Button disabled={from === 0} onClick={() => setFrom(Math.max(0, from - PART))}>
          {t("log.earlier")}
        </Button>
        <Button disabled={from + PART >= total} onClick={() => setFrom(from + PART)}>
          {t("log.later")}
        </Button>
        <span>{t("log.part", range)}</span>
      </div>
      {/* A box that scrolls must be reachable by keyboard. */}
      <pre className="log-plain" tabIndex={0} role="region" aria-label={t("log.plain")}>
        {text}
      </pre>
    </div>
  );
}
