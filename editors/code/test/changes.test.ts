/** The changes of a pending edit: what is shown, what is kept, and what is written. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Edit, EditAnswer } from "../src/generated/protocol";
import {
  allDecided,
  changesAt,
  changesIn,
  changesOf,
  counts,
  decided,
  edited,
  isSettled,
  kept,
  lineCounts,
  lost,
  nextOpen,
  placedAt,
  proposed,
} from "../src/lib/changes";
import { forgotten, read, toggled, used } from "../src/lib/instructions";

import { ANCHOR, CONTEXT, MODEL, USAGE } from "./samples";

const DOCUMENT = "import os\n\na\nb\nc\nd\ne\n";

function edit(start: number, end: number, original: string, replacement: string): Edit {
  return { range: { start, end }, original, replacement, anchor: ANCHOR };
}

const ANSWER: EditAnswer = {
  editId: "e1",
  edit: edit(3, 7, "a\nb\nc\nd\ne", "A\nA2\nb\nc\ne"),
  hunks: [edit(3, 3, "a", "A\nA2"), edit(5, 6, "c\nd", "c")],
  imports: edit(1, 1, "import os", "import os\nimport re"),
  unchanged: false,
  diff: "",
  warnings: [],
  notes: [],
  attempts: 1,
  usage: USAGE,
  context: CONTEXT,
  model: MODEL,
};

const [IMPORTS, FIRST, SECOND] = [0, 1, 2];

test("changes are in the order of the document, and are shown where they are", () => {
  const all = changesOf(ANSWER);
  const { text, shown } = proposed(DOCUMENT, all);
  assert.equal(text, "import os\nimport re\n\nA\nA2\nb\nc\ne\n");
  assert.deepEqual(
    shown.map(({ index, range }) => [index, range.start, range.end]),
    [
      [IMPORTS, 1, 2],
      [FIRST, 4, 5],
      [SECOND, 7, 7],
    ],
  );
  assert.deepEqual(changesIn(shown, { start: 5, end: 6 }), [FIRST]);
  assert.deepEqual(changesIn(shown, { start: 3, end: 3 }), []);
  assert.deepEqual(changesAt(all, { start: 6, end: 6 }), [SECOND]);
});

test("one that is dropped is not shown, and the others are where they were", () => {
  const all = decided(changesOf(ANSWER), [FIRST], "dropped");
  const { text, shown } = proposed(DOCUMENT, all);
  assert.equal(text, "import os\nimport re\n\na\nb\nc\ne\n");
  assert.deepEqual(
    shown.map(({ index, range }) => [index, range.start]),
    [
      [IMPORTS, 1],
      [SECOND, 6],
    ],
  );
  assert.equal(edited(ANSWER, all).replacement, "a\nb\nc\ne");
  assert.deepEqual(lineCounts(all), { added: 1, removed: 1 });
});

test("what a kept change needs goes with it, and not without it", () => {
  const one = decided(decided(changesOf(ANSWER), [SECOND], "kept"), [FIRST], "dropped");
  assert.ok(isSettled(one), "imports need no decision of their own");
  assert.deepEqual(
    kept(one).map(({ replacement }) => replacement),
    ["import os\nimport re", "c"],
  );
  assert.deepEqual(counts(one), { all: 2, kept: 1 });
  assert.deepEqual(kept(decided(one, [IMPORTS], "dropped")).length, 1);
  assert.deepEqual(kept(allDecided(changesOf(ANSWER), "dropped")), []);
});

test("a change whose lines were changed is neither shown nor written, and holds nothing up", () => {
  const places = [{ range: { start: 1, end: 1 } }, {}, { range: { start: 6, end: 7 } }];
  const all = placedAt(changesOf(ANSWER), places);
  const moved = DOCUMENT.replace("a\n", "changed\nby hand\n");
  assert.equal(proposed(moved, all).text, "import os\nimport re\n\nchanged\nby hand\nb\nc\ne\n");
  assert.equal(nextOpen(all, IMPORTS), SECOND);
  const done = decided(all, [SECOND], "kept");
  assert.ok(isSettled(done));
  assert.equal(kept(done).length, 2);
  assert.equal(lost(done), 0);
  assert.equal(lost(allDecided(all, "kept")), 1);
});

test("the next one to decide on comes behind the last decision, and then from the first", () => {
  const all = changesOf(ANSWER);
  assert.equal(nextOpen(all, FIRST), SECOND);
  assert.equal(nextOpen(decided(all, [SECOND], "kept"), SECOND), IMPORTS);
  assert.equal(nextOpen(allDecided(all, "kept"), 0), undefined);
});

test("any choice of changes gives a text of whole lines, each once", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 1_000; round += 1) {
    const lines = Array.from({ length: 12 }, (_, at) => `line ${at} ${random(3)}`);
    const hunks: Edit[] = [];
    for (let at = 0; at < lines.length; at += 2 + random(3)) {
      const line = lines[at] ?? "";
      const now = ["", `${line} new`, `${line}\nmore`][random(3)] ?? "";
      hunks.push(edit(at + 1, at + 1, line, now));
    }
    let all = changesOf({ hunks });
    for (const index of hunks.keys()) {
      all = decided(all, [index], random(2) === 0 ? "kept" : "dropped");
    }
    assert.ok(isSettled(all));
    const expected = lines.map((line, at) => {
      const hunk = hunks.findIndex(({ range }) => range.start === at + 1);
      return all[hunk]?.decision === "kept" ? hunks[hunk]?.replacement : line;
    });
    assert.equal(proposed(lines.join("\n"), all).text, expected.join("\n"));
    assert.equal(kept(all).length, counts(all).kept);
  }
});

test("instructions: the last one first, each once, and those that are to stay apart", () => {
  let all = used(used(used(read(undefined), "one"), "two"), "one");
  assert.deepEqual(all, { favorites: [], recent: ["one", "two"] });
  all = used(toggled(all, "two"), "two");
  assert.deepEqual(all, { favorites: ["two"], recent: ["one"] });
  assert.deepEqual(toggled(all, "two"), { favorites: [], recent: ["two", "one"] });
  assert.deepEqual(forgotten(all, "two"), { favorites: [], recent: ["one"] });
  assert.deepEqual(read({ favorites: ["a", 1], recent: "x" }), { favorites: ["a"], recent: [] });
});
