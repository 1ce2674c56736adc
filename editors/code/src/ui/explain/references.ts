/**
 * Marks the words in a parsed answer that lead to a line: words that the host has found in the
 * document, at the places that it gives. Nothing in the answer's own text can make anything else a
 * link.
 */
import type { Reference } from "../../generated/protocol";

import type { MarkdownElement, MarkdownNode } from "./markdown";

/** Words that lead to a line: the number of their reference, and what is shown. */
export interface Linked {
  readonly reference: number;
  readonly children: readonly MarkdownNode[];
}

/** An element with links among its children. */
export interface LinkedElement {
  readonly tag: MarkdownElement["tag"];
  readonly children: readonly LinkedNode[];
}

/** A text, an element or a link. */
export type LinkedNode = string | LinkedElement | Linked;

/** Code blocks are left alone: they are not text about the code, but code. */
const WHOLE = new Set(["pre"]);

export function withLinks(
  nodes: readonly MarkdownNode[],
  references: readonly Pick<Reference, "words" | "inCode">[],
): LinkedNode[] {
  const inCode = new Map<string, number>();
  const inProse = new Map<string, number>();
  references.forEach((reference, index) => {
    (reference.inCode ? inCode : inProse).set(reference.words, index);
  });
  const pattern = patternOf([...inProse.keys()]);
  const visit = (node: MarkdownNode): LinkedNode[] => {
    if (typeof node === "string") {
      return pattern === undefined ? [node] : splitAt(node, pattern, inProse);
    }
    if (node.tag === "code") {
      const [text] = node.children;
      const reference = typeof text === "string" ? inCode.get(text) : undefined;
      return reference === undefined ? [node] : [{ reference, children: [node] }];
    }
    return [WHOLE.has(node.tag) ? node : { ...node, children: node.children.flatMap(visit) }];
  };
  return nodes.flatMap(visit);
}

/**
 * Matches any of these words unless it is part of a longer one. The longest come first, so that
 * they win.
 */
function patternOf(words: readonly string[]): RegExp | undefined {
  if (words.length === 0) {
    return undefined;
  }
  const escaped = words
    .toSorted((one, other) => other.length - one.length)
    .map((it) => it.replaceAll(/[\\^$.*+?()[\]{}|]/gu, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${escaped.join("|")})(?![\\p{L}\\p{N}_])`, "gu");
}

function splitAt(text: string, pattern: RegExp, found: ReadonlyMap<string, number>): LinkedNode[] {
  const nodes: LinkedNode[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const [words] = match;
    const reference = found.get(words);
    if (reference !== undefined) {
      nodes.push(text.slice(end, match.index), { reference, children: [words] });
      end = match.index + words.length;
    }
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}
