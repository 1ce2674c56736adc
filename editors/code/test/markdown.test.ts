/** What a model writes becomes harmless elements. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ELEMENTS, parseMarkdown } from "../src/ui/explain/markdown";
import type { MarkdownNode } from "../src/ui/explain/markdown";

import ANSWERS from "./hostile-answers.json";

/** The tree as text, with every content character that could be markup made visible. */
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

test("a hostile answer becomes text in harmless elements, and in a moment", () => {
  assert.ok(ANSWERS.length >= 30);
  for (const { name, text, times } of ANSWERS) {
    const began = performance.now();
    const nodes = parseMarkdown(text.repeat(times ?? 1));
    // A thousand times as long as a common answer takes; an algorithm that is quadratic would take
    // minutes.
    assert.ok(performance.now() - began < 5_000, `${name} takes long`);
    const stack: MarkdownNode[] = [...nodes];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (typeof node === "string") {
        assert.doesNotMatch(node, /[\u202a-\u202e\u2066-\u2069\u001b\u0000]/u, name);
      } else {
        assert.ok((ELEMENTS as readonly string[]).includes(node.tag), name);
        assert.deepEqual(Object.keys(node).toSorted(), ["children", "tag"], name);
        stack.push(...node.children);
      }
    }
  }
});

test("a link says where it leads", () => {
  assert.equal(
    render("[https://python.org](https://leak.invalid/evil)"),
    "<p>https://python.org (https://leak.invalid/evil)</p>",
  );
});

test("what no one sees is written out, and what languages need stays", () => {
  assert.equal(render("a\u202eb"), "<p>a\u27e8U+202E\u27e9b</p>");
  assert.equal(render("`a\u2066b`"), "<p><code>a\u27e8U+2066\u27e9b</code></p>");
  assert.equal(render("\u{e0041}"), "<p>\u27e8U+E0041\u27e9</p>");
  assert.equal(
    render("\u{1f469}\u200d\u{1f4bb} \u0645\u06cc\u200c"),
    "<p>\u{1f469}\u200d\u{1f4bb} \u0645\u06cc\u200c</p>",
  );
});
