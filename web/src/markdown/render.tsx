// Markdown as React elements. A script of its own: the parser is large. Nothing becomes HTML on the way, and what is no Markdown is text.
//
// 1. Elements are those of PLAIN and those that `whole` and `leaf` name; attributes are made here only.
// 2. A link leads to http, https or mailto. The words of one that leads elsewhere stand there without it, or as they were written.
// 3. Nothing is fetched: a picture is a link with its words.
// 4. Headings go on from that of the page and none is skipped, whatever levels the text has.
import MarkdownIt from "markdown-it";
import type Token from "markdown-it/lib/token.mjs";
import { createElement, Fragment, type ReactNode } from "react";

export interface Frame {
  /** Of the heading above the text. */
  level: number;
  /** What boxes that scroll are called. */
  code: string;
  table: string;
}

// What opens and closes without attributes.
const PLAIN = new Set(["blockquote", "em", "li", "p", "s", "strong", "tbody", "thead", "tr", "ul"]);
const ADDRESS = /^(?:https?:\/\/|mailto:)/i;
// No text of 16 KiB has more, unless it is a table of empty cells, of which a short one can have a great many.
const MOST_TOKENS = 40_000;

// Tags are text with html: false. How deep a text can go is bounded by maxNesting, which is 100.
const markdown = new MarkdownIt({ html: false, linkify: true });
// Words with a dot are names of files more often than of hosts, and user@host is an address for ssh.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false }).add("ftp:", null).add("//", null);

/** What has begun and not ended yet; the whole text has no token. */
interface Open {
  token?: Token;
  children: ReactNode[];
  /** There is something to see in it. */
  seen: boolean;
}

function addressOf(token: Token | undefined, attribute: string): string | undefined {
  const address = token?.attrGet(attribute) ?? "";
  return ADDRESS.test(address) ? address : undefined;
}

/** Of a picture, among whose words there may be others. */
function wordsOf(tokens: Token[]): string {
  return tokens.map((token) => (token.children ? wordsOf(token.children) : token.content || (token.tag === "br" ? " " : ""))).join("");
}

const alignment = (token: Token) => /^text-align:(center|right)$/.exec(token.attrGet("style") ?? "")?.[1];

class Renderer {
  private readonly stack: Open[] = [{ children: [], seen: false }];
  /** Of the headings around the one that is next, as the text has them. */
  private readonly levels: number[] = [];
  private keys = 0;

  constructor(private readonly frame: Frame) {}

  add(tokens: Token[]): this {
    for (const token of tokens) {
      if (token.type === "inline") this.add(token.children ?? []);
      else if (token.nesting > 0) this.stack.push({ token, children: [], seen: false });
      else if (token.nesting < 0) this.end();
      else if (token.type === "image") this.picture(token);
      else this.put(this.leaf(token), token.content.trim() !== "");
    }
    return this;
  }

  get elements(): ReactNode[] {
    return this.stack[0]?.children ?? [];
  }

  private put(child: ReactNode, seen: boolean) {
    const top = this.stack[this.stack.length - 1];
    top?.children.push(child);
    if (top && seen) top.seen = true;
  }

  private end() {
    const open = this.stack.pop();
    if (open?.token) this.put(this.whole(open.token, open), open.seen);
  }

  private leaf(token: Token): ReactNode {
    const key = ++this.keys;
    switch (token.type) {
      case "softbreak":
        return "\n";
      case "hardbreak":
        return <br key={key} />;
      case "hr":
        return <hr key={key} />;
      case "code_inline":
        return <code key={key}>{token.content}</code>;
      case "code_block":
      case "fence":
        return (
          <pre key={key} tabIndex={0} role="group" aria-label={this.frame.code}>
            <code>{token.content}</code>
          </pre>
        );
      default:
        return token.content;
    }
  }

  private picture(token: Token) {
    const words = wordsOf(token.children ?? []);
    const seen = words.trim() !== "";
    const inLink = this.stack.some((open) => open.token?.type === "link_open" && addressOf(open.token, "href"));
    const src = inLink ? undefined : addressOf(token, "src");
    this.put(this.link(src, words, seen), seen || src !== undefined);
  }

  private whole(token: Token, { children, seen }: Open): ReactNode {
    const key = ++this.keys;
    switch (token.type) {
      case "heading_open":
        return seen ? createElement(`h${this.level(token)}`, { key }, children) : null;
      case "link_open":
        return this.link(addressOf(token, "href"), children, seen);
      case "ordered_list_open":
        return (
          <ol key={key} start={Number(token.attrGet("start") ?? 1)}>
            {children}
          </ol>
        );
      case "table_open":
        return (
          <div key={key} className="markdown-table" tabIndex={0} role="group" aria-label={this.frame.table}>
            <table>{children}</table>
          </div>
        );
      case "th_open":
        // A cell that names nothing is no heading.
        return createElement(seen ? "th" : "td", { key, scope: seen ? "col" : undefined, className: alignment(token) }, children);
      case "td_open":
        return createElement("td", { key, className: alignment(token) }, children);
      default:
        // The paragraphs of a list without empty lines are hidden.
        return PLAIN.has(token.tag) && !token.hidden ? createElement(token.tag, { key }, children) : <Fragment key={key}>{children}</Fragment>;
    }
  }

  private level(token: Token): number {
    const own = Number(token.tag.slice(1));
    while ((this.levels[this.levels.length - 1] ?? 0) >= own) this.levels.pop();
    this.levels.push(own);
    return Math.min(6, this.frame.level + this.levels.length);
  }

  /** One without words shows where it leads. */
  private link(href: string | undefined, children: ReactNode, seen: boolean): ReactNode {
    const key = ++this.keys;
    if (!href) return <Fragment key={key}>{children}</Fragment>;
    return (
      <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
        {seen ? null : href}
      </a>
    );
  }
}

const count = (tokens: Token[]): number => tokens.reduce((n, token) => n + 1 + (token.children?.length ?? 0), 0);

/** The elements of `text`; nothing if they would be too many. */
export function elementsOf(text: string, frame: Frame): ReactNode[] | undefined {
  const tokens = markdown.parse(text, {});
  return count(tokens) > MOST_TOKENS ? undefined : new Renderer(frame).add(tokens).elements;
}
