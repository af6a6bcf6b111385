// Markdown on a page. Its script is fetched when there is some; until then, and where it does not come, the text stands as it was written.
import { useEffect, useMemo, useState } from "react";
import "./markdown.css";
import { usePrefs } from "../prefs";
import { useText } from "./text";

type ElementsOf = typeof import("./render").elementsOf;

let loaded: ElementsOf | undefined;

async function load(): Promise<ElementsOf> {
  loaded ??= (await import("./render")).elementsOf;
  return loaded;
}

interface MarkdownProps {
  text: string;
  /** Of the heading above it. */
  level: number;
}

export function Markdown({ text, level }: MarkdownProps) {
  const t = useText();
  const { language } = usePrefs();
  const [elementsOf, setElementsOf] = useState(() => loaded);
  useEffect(() => {
    if (!elementsOf) load().then((it) => setElementsOf(() => it), () => {});
  }, [elementsOf]);
  const elements = useMemo(
    () => elementsOf?.(text, { level, code: t("markdown.code"), table: t("markdown.table") }),
    // `t` is another one for another language.
    [elementsOf, text, level, language],
  );
  return elements ? <div className="markdown">{elements}</div> : <p className="markdown-plain">{text}</p>;
}
