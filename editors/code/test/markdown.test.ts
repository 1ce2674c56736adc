/** What a model writes becomes harmless elements. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ELEMENTS, parseMarkdown } from "../src/ui/explain/markdown";
import type { MarkdownNode } from "../src/ui/explain/markdown";

/** The tree as text, with every character of content that could be markup made visible. */
function show(nodes: readonly MarkdownNode[]): string {
  return nodes
    .map((node) =>
      typeof node === "string"
        ? node.replaceAll("<", "&lt;")
        : `<${node.tag}>${show(node.children)}</${node.tag}>`,
    )
    .join("");
}

const render = (text: string): string => show(parseMarkdown(text));

test("common Markdown is shown as such", () => {
  assert.equal(
    render("# A\n\nb *c* **d** `e`"),
    "<h1>A</h1><p>b <em>c</em> <strong>d</strong> <code>e</code></p>",
  );
  assert.equal(render("- a\n- b"), "<ul><li>a</li><li>b</li></ul>");
  assert.equal(render("1. a\n\n2. b"), "<ol><li><p>a</p></li><li><p>b</p></li></ol>");
  assert.equal(render("- a\n  - b\n- c"), "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>");
  assert.equal(render("```python\nx < 1\n```"), "<pre><code>x &lt; 1\n</code></pre>");
  assert.equal(
    render("|a|\n|-|\n|b|"),
    "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>",
  );
});

test("an answer that is still growing is shown as far as it goes", () => {
  assert.equal(render("a\n```py\nx ="), "<p>a</p><pre><code>x =</code></pre>");
  assert.equal(render("**bo"), "<p>**bo</p>");
});

test("HTML is text, images load nothing and links open nothing", () => {
  assert.equal(render("<script>x</script>"), "<p>&lt;script>x&lt;/script></p>");
  assert.equal(render("a <img src=x onerror=y>"), "<p>a &lt;img src=x onerror=y></p>");
  assert.equal(
    render("[text](https://example.com/?q=1)"),
    "<p>text (https://example.com/?q=1)</p>",
  );
  assert.equal(
    render("![alt](https://example.com/x.png)"),
    "<p>!alt (https://example.com/x.png)</p>",
  );
  assert.ok(!render("[x](javascript:alert(1))").includes("<a"));
});

test("no element outside the list can occur", () => {
  const tags = new Set<string>();
  const collect = (nodes: readonly MarkdownNode[]): void => {
    for (const node of nodes) {
      if (typeof node !== "string") {
        tags.add(node.tag);
        collect(node.children);
      }
    }
  };
  collect(parseMarkdown("# h\n> q\n\n---\n\n~~s~~ <b>x</b>  \ny\n\n<div>\n\n- [ ] t\n\n&lt;b&gt;"));
  assert.ok([...tags].every((tag) => (ELEMENTS as readonly string[]).includes(tag)));
});
