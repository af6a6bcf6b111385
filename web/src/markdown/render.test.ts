import { createElement, Fragment } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { elementsOf } from "./render";

/** What becomes of `text` below a heading of `level`. */
const shown = (text: string, level = 2) => {
  const elements = elementsOf(text, { level, code: "Code", table: "Table" });
  return elements && renderToStaticMarkup(createElement(Fragment, null, elements));
};
const OUT = 'target="_blank" rel="noopener noreferrer nofollow"';
const link = (href: string, words = href) => `<a href="${href}" ${OUT}>${words}</a>`;

test.each([
  ["paragraphs", "one\ntwo\n\nthree  \nfour", "<p>one\ntwo</p><p>three<br/>four</p>"],
  ["marks", "*a* **b** ~~c~~ `d <e>` \\*f\\*", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d &lt;e&gt;</code> *f*</p>"],
  ["a list", "- a\n- b\n  1. c", "<ul><li>a</li><li>b<ol start=\"1\"><li>c</li></ol></li></ul>"],
  ["a list with empty lines", "7. a\n\n8. b", "<ol start=\"7\"><li><p>a</p></li><li><p>b</p></li></ol>"],
  ["a quotation and a line", "> a\n\n---", "<blockquote><p>a</p></blockquote><hr/>"],
  ["code", "```c\nif (a < b)\n```\n\n    x", ["if (a &lt; b)\n", "x\n"].map((c) => `<pre tabindex="0" role="group" aria-label="Code"><code>${c}</code></pre>`).join("")],
  ["a table", "|a||\n|:-|-:|\n|b|c|", '<div class="markdown-table" tabindex="0" role="group" aria-label="Table"><table><thead><tr><th scope="col">a</th><td class="right"></td></tr></thead><tbody><tr><td>b</td><td class="right">c</td></tr></tbody></table></div>'],
  ["nothing", " \n ", ""],
])("%s", (_name, text, html) => expect(shown(text)).toBe(html));

const outline = (text: string, level?: number) => [...(shown(text, level) ?? "").matchAll(/<h(\d)>(\w+)/g)].map(([, n, name]) => `${n}${name}`).join(" ");

test("headings go on from that of the page, and none is skipped", () => {
  expect(outline("# a\n## b\n# c")).toBe("3a 4b 3c");
  expect(outline("# a\n## b", 1)).toBe("2a 3b");
  expect(outline("### a\n# b\n### c\n## d\n###### e")).toBe("3a 3b 4c 4d 5e");
  expect(outline("a\n=\n\nb\n-\n\n> ### c")).toBe("3a 4b 5c");
  expect(outline("# a\n## b\n### c\n#### d\n##### e\n###### f")).toBe("3a 4b 5c 6d 6e 6f");
});

test("a heading without words is none, and no level of the outline", () => {
  expect(shown("# \n## a\n### ` `\n# ![](b.png)")).toBe("<h3>a</h3>");
});

test.each([
  ["[a](https://a.example/b?c=d)", link("https://a.example/b?c=d", "a")],
  ['[a *b*](HTTP://a.example "title")', link("HTTP://a.example", "a <em>b</em>")],
  ["[a][1]\n\n[1]: mailto:a@b.example", link("mailto:a@b.example", "a")],
  ["<https://a.example> <a@b.example>", `${link("https://a.example")} ${link("mailto:a@b.example", "a@b.example")}`],
  ["See https://a.example/b. mailto:a@b.example", `See ${link("https://a.example/b")}. ${link("mailto:a@b.example")}`],
  ["[](https://a.example)", link("https://a.example")],
  ["[x](https://a.example/%22%20onclick=%22y)", link("https://a.example/%22%20onclick=%22y", "x")],
])("a link that leads out: %s", (text, html) => expect(shown(text)).toBe(`<p>${html}</p>`));

test.each([
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](&#106;avascript&colon;alert(1))",
  "[x](java&#10;script:alert(1))",
  "[x](\u0001javascript:alert(1))",
  "[x][1]\n\n[1]: javascript:alert(1)",
  "[x](vbscript:x) [x](file:///etc/passwd) [x](data:text/html,x) [x](data:image/png;base64,AA)",
  "<javascript:alert(1)> <data:text/html,x> <ftp://a.example>",
  "[x](//a.example) [x](/api/v1/session) [x](page.md) [x](#a) [x](?a) [x](ftp://a.example) [x](blob:https://a.example/b)",
  "a.example www.a.example main.rs git@a.example:b/c ftp://a.example //a.example javascript:alert(1)",
  "![x](javascript:alert(1)) ![x](/b.png) ![x](data:image/png;base64,AA)",
])("no link: %s", (text) => expect(shown(text)).not.toMatch(/<a|href/));

test("the words of a link that is none stay", () => {
  expect(shown("[x](docs/a.md) and ![y](b.png)")).toBe("<p>x and y</p>");
  expect(shown("[x](javascript:a)")).toBe("<p>[x](javascript:a)</p>");
});

test("what is found in the text is http, https and mailto; the rest is as it was written", () => {
  expect(shown("https://xn--n3h.example")).toContain('href="https://xn--n3h.example" ');
  for (const text of ["ftp://a.example/%41", "//a.example/%41", "a.example/%41"]) expect(shown(text)).toBe(`<p>${text}</p>`);
});

test("a picture is a link with its words, and nothing is fetched", () => {
  expect(shown("![a *b*](https://a.example/b.png)")).toBe(`<p>${link("https://a.example/b.png", "a b")}</p>`);
  expect(shown("![](https://a.example/b.png)")).toBe(`<p>${link("https://a.example/b.png")}</p>`);
  expect(shown("[![a ![b](c)](https://a.example/b.png)](https://b.example)")).toBe(`<p>${link("https://b.example", "a b")}</p>`);
  expect(shown("[![](https://a.example/b.png)](https://b.example)")).toBe(`<p>${link("https://b.example")}</p>`);
  expect(shown("[![a](https://a.example/b.png)](b.md)")).toBe(`<p>${link("https://a.example/b.png", "a")}</p>`);
});

test.each([
  "<script>alert(1)</script>",
  '<img src=x onerror="alert(1)">',
  "a <b>b</b> <!-- c --> <?d?> <![CDATA[e]]>",
  "<div\n\n</div>",
  "<style>*{}</style>\n\n<iframe src=//a.example>",
])("tags are text: %s", (text) => {
  const html = shown(text) ?? "";
  expect(html.replace(/<\/?p>/g, "")).not.toMatch(/[<>]/);
  expect(html).toContain(text.split(/\s/)[0]?.replaceAll("<", "&lt;").replaceAll(">", "&gt;"));
});

test("a tag is no place without Markdown", () => {
  expect(shown("<div>\n*a*\n</div>")).toBe("<p>&lt;div&gt;\n<em>a</em>\n&lt;/div&gt;</p>");
});

/** How deep the elements of `html` are in each other. */
function depth(html: string): number {
  let at = 0;
  let most = 0;
  for (const [, end, alone] of html.matchAll(/<(\/?)\w[^>]*?(\/?)>/g)) {
    if (!alone) at += end ? -1 : 1;
    most = Math.max(most, at);
  }
  return most;
}

const KIB16 = 16384;
const filled = (text: string) => text.repeat(Math.ceil(KIB16 / text.length)).slice(0, KIB16);

test.each(["> ", "- ", "1. ", "[", "![", "*a ", "**a _b ", "[![", "(<", "~~a", "`", "[a](", "- > "])("as deep as it can be: %s", (text) => {
  expect(depth(shown(filled(text)) ?? "")).toBeLessThan(110);
});

test("a table of more cells than it has text is shown as it was written", () => {
  const columns = 2000;
  expect(shown(`${"|a".repeat(columns)}\n${"|-".repeat(columns)}\n${"a\n".repeat(4000)}`)).toBeUndefined();
  expect(shown(filled("a\n\n"))).toContain("<p>a</p>");
  expect(shown(filled("*a* "))).toContain("<em>a</em>");
});

test("whatever stands side by side, there are no other elements and attributes", () => {
  const PARTS = ["[", "]", "(", ")", "!", "<", ">", "javascript:", "https://a.example", '"', "'", "\n", "\n\n", " ", "    ", "`", "```", "*", "_", "|", "|-|-|\n", "- ", "1. ", "# ", "> ", "\\", "&lt;", "&#0;", "\ud800", "\u202e", "<img src=x onerror=y>", "<a href=javascript:z>", "%ff", "~~", "=", ":", "x"];
  const ALLOWED = /^<(?:\/?(?:p|em|strong|s|code|ul|li|blockquote|table|thead|tbody|tr|td|th|h[3-6]|ol|pre|div|a)|[bh]r\/|a href="(?:https?:\/\/|mailto:)[^"<>]*" target="_blank" rel="noopener noreferrer nofollow"|ol start="\d+"|th scope="col"|(?:pre|div class="markdown-table") tabindex="0" role="group" aria-label="\w+")>$/i;
  let seed = 1;
  const next = (n: number) => {
    seed = (seed * 48271) % 0x7fffffff;
    return seed % n;
  };
  for (let n = 0; n < 1000; n += 1) {
    const text = Array.from({ length: 1 + next(40) }, () => PARTS[next(PARTS.length)]).join("");
    for (const [tag] of (shown(text) ?? "").matchAll(/<[^>]*>/g)) expect(tag, JSON.stringify(text)).toMatch(ALLOWED);
  }
});
