/** The Explanation view: its states, and which parts of an answer become links. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Reference } from "../src/generated/protocol";
import { contextText, cutText, forgottenText, omittedText } from "../src/lib/answer";
import {
  answered,
  asked,
  askedAlso,
  compared,
  conversationOf,
  EXPLANATION_CHARS_MAX,
  failedWith,
  grown,
  markdownOf,
} from "../src/lib/explanation";
import { parseMarkdown } from "../src/ui/explain/markdown";
import { withLinks } from "../src/ui/explain/references";
import type { LinkedNode } from "../src/ui/explain/references";

import ANSWERS from "./hostile-answers.json";
import { ANCHOR, CONTEXT, EXPLANATION } from "./samples";

const CANCELLED = { code: "cancelled", message: "stopped" } as const;

test("an explanation goes from asked to done, and keeps what came when it fails", () => {
  const start = asked("a.py, line 1");
  assert.equal(start.phase, "working");
  const growing = grown(grown(start, "It "), "adds.");
  assert.deepEqual([growing.phase, growing.turns[0]?.text], ["streaming", "It adds."]);
  const done = answered(growing, EXPLANATION);
  const [turn] = done.turns;
  assert.deepEqual([done.phase, turn?.text, turn?.notes], ["done", "It adds.", []]);
  // A single line of facts; the numbers are in the details.
  assert.equal(turn?.facts, "Coder 7B · 2.1 s");
  assert.deepEqual(turn.details, [
    "120 tokens read, 50 written, 25.0 tokens/s",
    contextText(CONTEXT),
  ]);
  const stopped = failedWith(growing, CANCELLED);
  assert.deepEqual(
    [stopped.phase, stopped.turns[0]?.text, stopped.error],
    ["cancelled", "It adds.", ""],
  );
  const failed = failedWith(growing, {
    code: "workerCrashed",
    message: "it died",
    hint: "try again",
  });
  assert.deepEqual([failed.phase, failed.error], ["failed", "It died. Try again."]);
  assert.deepEqual(
    failed.buttons.map((it) => it.action),
    ["retry", "showLog", "learnMore"],
  );
  const longest = grown(start, "x".repeat(EXPLANATION_CHARS_MAX + 1));
  assert.equal(longest.turns[0]?.text.length, EXPLANATION_CHARS_MAX);
});

test("what an answer leaves out is in plain view", () => {
  const context = { ...CONTEXT, afterLinesOmitted: 20, exchangesOmitted: 2 };
  const done = answered(asked("a.py"), { ...EXPLANATION, context, finish: "tokenLimit" });
  const expected = [cutText("tokenLimit"), omittedText(context), forgottenText(context)];
  assert.deepEqual(done.turns[0]?.notes, expected);
  assert.match(forgottenText(context) ?? "", /did not get the first 2 answers here/u);
  assert.equal(forgottenText(CONTEXT), undefined);
  assert.match(contextText({ ...CONTEXT, conversationTokens: 70 }), /70 conversation/u);
  const empty = answered(asked("a.py"), { ...EXPLANATION, text: " " });
  assert.match(empty.turns[0]?.notes[0] ?? "", /nothing to say/u);
});

test("questions follow an explanation and know what was said before", () => {
  const first = answered(asked("a.py, line 1"), EXPLANATION);
  const second = askedAlso(first, "Why?");
  assert.deepEqual([second.phase, second.turns.length], ["working", 2]);
  // The question under way does not count as answered.
  assert.deepEqual(conversationOf(second), [{ answer: "It adds." }]);
  const done = answered(grown(second, "So"), { ...EXPLANATION, text: "So." });
  assert.equal(done.turns[0], first.turns[0]);
  const both = [{ answer: "It adds." }, { question: "Why?", answer: "So." }];
  assert.deepEqual(conversationOf(done), both);
  // A question that failed before any answer is replaced by the next one.
  const failed = failedWith(askedAlso(done, "And?"), CANCELLED);
  assert.equal(askedAlso(failed, "Again?").turns.length, 3);
  // A stopped answer stays, as far as it got.
  const stopped = failedWith(grown(askedAlso(done, "And?"), "Beca"), CANCELLED);
  assert.equal(conversationOf(askedAlso(stopped, "Go on.")).at(-1)?.answer, "Beca");
  // And an explanation of other code starts over.
  assert.equal(asked("b.py").turns.length, 1);
});

test("all of it is copied as Markdown", () => {
  const first = answered(asked("a.py"), { ...EXPLANATION, text: "It `adds`.\n" });
  assert.equal(markdownOf(first), "It `adds`.\n");
  const second = grown(askedAlso(first, "Why\nso?"), "So.");
  assert.equal(markdownOf(second), "It `adds`.\n\n## Why so?\n\nSo.\n");
});

test("that the code has changed is said while it has", () => {
  const state = answered(asked("a.py"), EXPLANATION);
  const changed = compared(state, "a.py", false);
  assert.match(changed.changed, /^a\.py has changed/u);
  assert.equal(compared(changed, "a.py", true).changed, "");
  assert.equal(compared(state, "a.py", true), state);
});

function reference(words: string, inCode: boolean): Reference {
  const range = { start: 4, end: 4 };
  return { words, inCode, place: { range, original: "x", replacement: "x", anchor: ANCHOR } };
}

/** The tree as text, with links as the number of their reference. */
function show(nodes: readonly LinkedNode[]): string {
  return nodes
    .map((node) => {
      if (typeof node === "string") {
        return node;
      }
      const inner = show(node.children);
      return "tag" in node ? `<${node.tag}>${inner}</${node.tag}>` : `{${node.reference}:${inner}}`;
    })
    .join("");
}

function linked(text: string, ...references: Reference[]): string {
  return show(withLinks(parseMarkdown(text), references));
}

test("what the host has found becomes a link where it stands as it says", () => {
  const name = reference("total", true);
  assert.equal(
    linked("`total` and total, `totals`", name),
    "<p>{0:<code>total</code>} and total, <code>totals</code></p>",
  );
  assert.equal(
    linked("total_stock and total_stocks", reference("total_stock", false)),
    "<p>{0:total_stock} and total_stocks</p>",
  );
  assert.equal(
    linked("lines 1-2, line 1, line 12", reference("line 1", false), reference("lines 1-2", false)),
    "<p>{1:lines 1-2}, {0:line 1}, line 12</p>",
  );
  assert.equal(
    linked("`a.b(c)[0]`", reference("a.b(c)[0]", true)),
    "<p>{0:<code>a.b(c)[0]</code>}</p>",
  );
  // Code blocks are not text about the code.
  assert.equal(linked("```\ntotal\n```", name), "<pre><code>total\n</code></pre>");
  assert.equal(
    linked("- **`total`**", name),
    "<ul><li><strong>{0:<code>total</code>}</strong></li></ul>",
  );
});

test("no answer makes a link of anything else", () => {
  for (const { name, text, times } of ANSWERS as { name: string; text: string; times?: number }[]) {
    const nodes = parseMarkdown(text.repeat(times ?? 1));
    assert.deepEqual(withLinks(nodes, []), nodes, name);
  }
  const hostile = "[total](command:evil) <a href='x'>total</a> ![total](http://x)";
  const shown = linked(hostile, reference("total", true));
  assert.ok(!shown.includes("{"), shown);
});
