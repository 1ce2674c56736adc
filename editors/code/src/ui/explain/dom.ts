/** Builds DOM elements from the parsed Markdown. Text is only ever inserted as text. */
import type { LinkedNode } from "./references";

/** `link` makes the element for words that lead to a line. */
export function toDom(
  nodes: readonly LinkedNode[],
  link: (reference: number) => HTMLElement,
): DocumentFragment {
  const fragment = document.createDocumentFragment();
  for (const node of nodes) {
    if (typeof node === "string") {
      fragment.append(node);
    } else {
      const element = "tag" in node ? document.createElement(node.tag) : link(node.reference);
      element.append(toDom(node.children, link));
      fragment.append(element);
    }
  }
  return fragment;
}

/** An element of the page's fixed part, which `explanation-view.ts` writes. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) {
    throw new Error(`the page has no #${id}`);
  }
  return found;
}

/** A new element, with text if given. */
export function made(tag: string, testId: string, text = ""): HTMLElement {
  const it = document.createElement(tag);
  it.dataset["testid"] = `explanation-${testId}`;
  it.append(text);
  return it;
}
