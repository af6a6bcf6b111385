// A line's spans as DOM: text nodes, class names and properties of style objects; no markup is parsed.
import { PLAIN, type Span, type Style } from "./ansi";
import { DARK, LIGHT, paint } from "./colors";

export type Range = readonly [from: number, to: number];

/** Where `find` is in the text; at most 200. */
export function rangesOf(text: string, find: string, ignoreCase: boolean): Range[] {
  if (!find) return [];
  const [where, what] = ignoreCase ? [text.toLowerCase(), find.toLowerCase()] : [text, find];
  if (where.length !== text.length) return []; // a letter whose small form is longer
  const out: Range[] = [];
  for (let at = where.indexOf(what); at >= 0 && out.length < 200; at = where.indexOf(what, at + what.length)) {
    out.push([at, at + what.length]);
  }
  return out;
}

function classesOf(s: Style): string {
  const names = [
    s.bold && "log-bold",
    s.dim && "log-dim",
    s.italic && "log-italic",
    s.underline && "log-under",
    s.strike && "log-strike",
    !s.inverse && s.bg < 0 && s.fg >= 0 && s.fg < 16 && `log-c${s.fg}`,
  ];
  return names.filter(Boolean).join(" ");
}

function elementOf(style: Style): HTMLElement | null {
  if (style === PLAIN) return null;
  const colors = paint(style, LIGHT);
  const e = document.createElement(style.href ? "a" : "span");
  e.className = classesOf(style);
  if (e instanceof HTMLAnchorElement && style.href) {
    e.href = style.href;
    e.rel = "noopener noreferrer nofollow";
    e.target = "_blank";
  }
  if (!colors) return e;
  const dark = paint(style, DARK);
  e.classList.add("log-paint");
  e.style.setProperty("--fl", colors.fg);
  e.style.setProperty("--fd", dark?.fg ?? null);
  e.style.setProperty("--bl", colors.bg ?? "transparent");
  e.style.setProperty("--bd", dark?.bg ?? "transparent");
  return e;
}

/** Fills `into` with the spans; what lies in `marks` is in <mark> elements. */
export function showSpans(into: HTMLElement, spans: Span[], marks: Range[]) {
  let at = 0;
  let next = 0;
  for (const { text, style } of spans) {
    const holder = elementOf(style);
    const target = holder ?? into;
    const end = at + text.length;
    let from = at;
    while (next < marks.length && (marks[next] as Range)[0] < end) {
      const [begin, stop] = marks[next] as Range;
      if (begin > from) target.append(text.slice(from - at, begin - at));
      const mark = document.createElement("mark");
      mark.append(text.slice(Math.max(begin, from) - at, Math.min(stop, end) - at));
      target.append(mark);
      from = Math.min(stop, end);
      if (stop > end) break; // goes on in the next span
      next += 1;
    }
    if (from < end) target.append(text.slice(from - at));
    if (holder) into.append(holder);
    at = end;
  }
}
