/** Builds the parsed Markdown as elements. Text only ever enters as text. */
import type { MarkdownNode } from "./markdown";

/** See the module. */
export function toDom(nodes: readonly MarkdownNode[]): DocumentFragment {
  const fragment = document.createDocumentFragment();
  for (const node of nodes) {
    if (typeof node === "string") {
      fragment.append(node);
    } else {
      const element = document.createElement(node.tag);
      element.append(toDom(node.children));
      fragment.append(element);
    }
  }
  return fragment;
}

/** An element of the page, which `explanation-view.ts` writes. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) {
    throw new Error(`the page has no #${id}`);
  }
  return found;
}
