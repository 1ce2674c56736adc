/**
 * Turns Markdown into a tree of a few harmless elements. A model's answer is untrusted: there is no
 * raw HTML, no image, and a link is shown as its text and address, because anything that loads or
 * opens an address could leak code. Characters that are invisible or change the direction of what
 * follows are written out. `dom.ts` builds the elements.
 */
import MarkdownIt from "markdown-it";
import type { Token } from "markdown-it";

/** The elements that can occur. */
export const ELEMENTS = [
  "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em",
  "strong", "s", "hr", "br", "table", "thead", "tbody", "tr", "th", "td",
] as const; // prettier-ignore

/** An element or a text. */
export type MarkdownNode = string | MarkdownElement;

/** An element; it never has attributes. */
export interface MarkdownElement {
  readonly tag: (typeof ELEMENTS)[number];
  readonly children: MarkdownNode[];
}

const parser = new MarkdownIt({ html: false, linkify: false, typographer: false }).disable("image");

/**
 * Controls, overrides and isolates of text direction, tags and line separators: code that contains
 * them reads differently than it runs. Characters that languages need (joiners, direction marks)
 * stay.
 */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2060-\u2069\u{e0000}-\u{e01ef}]/gu;

/** Parses Markdown, whole or as far as it has arrived. */
export function parseMarkdown(text: string): MarkdownNode[] {
  return build(parser.parse(text, {}));
}

function build(tokens: readonly Token[]): MarkdownNode[] {
  const root: MarkdownNode[] = [];
  const open = [root];
  const append = (node: MarkdownNode): void => {
    open.at(-1)?.push(typeof node === "string" ? written(node) : node);
  };
  const links: string[] = [];
  for (const token of tokens) {
    if (token.type === "link_open") {
      links.push(String(token.attrGet("href") ?? ""));
    } else if (token.type === "link_close") {
      append(` (${links.pop() ?? ""})`);
    } else if (token.nesting === 1) {
      // In a tight list the paragraphs are hidden: their contents belong to the item.
      const children: MarkdownNode[] = token.hidden ? (open.at(-1) ?? root) : [];
      const tag = elementOf(token.tag);
      if (!token.hidden && tag !== undefined) {
        append({ tag, children });
      }
      open.push(children);
    } else if (token.nesting === -1) {
      open.pop();
    } else {
      for (const node of leaf(token)) {
        append(node);
      }
    }
  }
  return root;
}

function leaf(token: Token): MarkdownNode[] {
  switch (token.type) {
    case "inline":
      return build(token.children ?? []);
    case "fence":
    case "code_block":
      return [{ tag: "pre", children: [{ tag: "code", children: [written(token.content)] }] }];
    case "code_inline":
      return [{ tag: "code", children: [written(token.content)] }];
    case "hardbreak":
      return [{ tag: "br", children: [] }];
    case "softbreak":
      return ["\n"];
    case "hr":
      return [{ tag: "hr", children: [] }];
    default:
      return token.content === "" ? [] : [token.content];
  }
}

function written(text: string): string {
  return text.replaceAll(HIDDEN, (it) => {
    const code = (it.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `\u27e8U+${code}\u27e9`;
  });
}

function elementOf(tag: string): MarkdownElement["tag"] | undefined {
  return ELEMENTS.find((it) => it === tag);
}
