/**
 * In the Markdown preview, replaces remote pictures by links that say so: a picture is loaded only
 * by a click, in the user's browser, and never by looking at a document. What this misses, the
 * preview's own policy blocks. Knows markdown-it but not the editor; the extension's entry exports
 * it.
 */
import type MarkdownIt from "markdown-it";
import type { StateCore, Token } from "markdown-it";

import * as l10n from "./l10n";
import { escaped } from "./words";

type Renderer = InstanceType<typeof MarkdownIt>;

/** Makes a markdown-it leave out remote pictures. */
export function withoutRemotePictures(markdown: Renderer): Renderer {
  // Last, so that it also sees what other plugins make of a text.
  markdown.core.ruler.push("localcoder-remote-pictures", replaceAll);
  return markdown;
}

function replaceAll(state: StateCore): void {
  for (const token of state.tokens) {
    if (token.type === "html_block") {
      token.content = replaceTags(token.content, false);
    } else if (token.children !== null) {
      token.children = replaceChildren(state, token.children);
    }
  }
}

function replaceChildren(state: StateCore, tokens: Token[]): Token[] {
  let links = 0;
  const replaced: Token[] = [];
  for (const token of tokens) {
    if (token.type === "link_open" || /^<a[\s>]/i.test(token.content)) {
      links += 1;
    } else if (token.type === "link_close" || /^<\/a\s*>/i.test(token.content)) {
      links -= 1;
    }
    const address = token.type === "image" ? remoteAddress(token.attrGet("src")) : undefined;
    if (address !== undefined) {
      replaced.push(...link(state, address, token.content, links > 0));
      continue;
    }
    if (token.type === "html_inline") {
      token.content = replaceTags(token.content, links > 0);
    }
    replaced.push(token);
  }
  return replaced;
}

/**
 * The replacement of a picture. If the picture is within a link it becomes that link's text,
 * because links can't be nested.
 */
function link(state: StateCore, address: URL, alt: string, linked: boolean): Token[] {
  const text = new state.Token("text", "", 0);
  text.content = words(address, alt, linked);
  if (linked) {
    return [text];
  }
  const open = new state.Token("link_open", "a", 1);
  open.attrs = [
    ["href", address.href],
    ["title", address.href],
  ];
  return [open, text, new state.Token("link_close", "a", -1)];
}

function words(address: URL, alt: string, linked: boolean): string {
  const from = alt.trim() === "" ? address.host : `${address.host}: ${alt.trim()}`;
  return linked
    ? l10n.t("[Picture from {0}]", from)
    : l10n.t("[Picture from {0} — click to open it in your browser]", from);
}

/** Replaces picture tags in raw HTML. */
function replaceTags(html: string, linked: boolean): string {
  return html.replace(/<img\b(?:"[^"]*"|'[^']*'|[^'">])*>/gi, (tag, at: number) => {
    const address = remoteAddress(attribute(tag, "src"));
    if (address === undefined) {
      return tag;
    }
    const before = html.slice(0, at);
    const opened = (before.match(/<a[\s>]/gi) ?? []).length;
    const within = linked || opened > (before.match(/<\/a\s*>/gi) ?? []).length;
    const text = escaped(words(address, attribute(tag, "alt") ?? "", within));
    const href = escaped(address.href);
    return within ? `<span>${text}</span>` : `<a href="${href}" title="${href}">${text}</a>`;
  });
}

function attribute(tag: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(
    tag,
  );
  const value = found?.[1] ?? found?.[2] ?? found?.[3];
  return value?.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

/**
 * The address of a picture on another machine; `undefined` for one in the folder or in the
 * document.
 */
function remoteAddress(source: string | number | null | undefined): URL | undefined {
  const whole = source?.toString().trim().replace(/^\/\//, "https://");
  if (whole === undefined || !/^https?:/i.test(whole)) {
    return undefined;
  }
  return URL.canParse(whole) ? new URL(whole) : undefined;
}
