/** What is sent about the user's latest changes, and about other files. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { chunksOf, RecentEdits } from "../src/lib/recent";

const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `line ${index}`).join("\n");

test("typing in one place is one edit, and another place begins another", () => {
  const recent = new RecentEdits();
  const before = lines(60);
  recent.opened("a.py", before);
  assert.deepEqual(recent.edits("a.py"), []);
  const first = before.replace("line 3\n", "line three\n");
  recent.changed("a.py", before.replace("line 3\n", "line th\n"));
  recent.changed("a.py", first);
  const one = { path: "a.py", before: "line 3", after: "line three", line: 4 };
  assert.deepEqual(recent.edits("a.py"), [one]);
  recent.changed("a.py", first.replace("line 50\n", "line fifty\n"));
  assert.deepEqual(recent.edits("a.py"), [
    one,
    { path: "a.py", before: "line 50", after: "line fifty", line: 51 },
  ]);
});

test("what was taken back is not an edit, and only the last are reported", () => {
  const recent = new RecentEdits();
  const before = lines(400);
  recent.opened("a.py", before);
  recent.changed("a.py", before.replace("line 3\n", "x\n"));
  recent.changed("a.py", before);
  assert.deepEqual(recent.edits("a.py"), []);
  let text = before;
  for (let line = 0; line < 400; line += 20) {
    text = text.replace(`line ${line}\n`, `changed ${line}\n`);
    recent.changed("a.py", text);
  }
  const edits = recent.edits("a.py");
  assert.equal(edits.length, 8);
  assert.deepEqual(edits.at(-1), {
    path: "a.py",
    before: "line 380",
    after: "changed 380",
    line: 381,
  });
});

test("a file that was replaced as a whole has no edit in it", () => {
  const recent = new RecentEdits();
  recent.opened("a.py", lines(60));
  recent.changed("a.py", lines(60).toUpperCase());
  assert.deepEqual(recent.edits("a.py"), []);
});

test("pieces are taken from where the user was, of other files only", () => {
  const visited = [
    { path: "b.py", text: lines(100), line: 50 },
    { path: "a.py", text: "x", line: 0 },
    { path: "c.py", text: "short\r\nfile", line: 1 },
    { path: "d.py", text: " \n", line: 0 },
  ];
  const chunks = chunksOf(visited, "a.py");
  assert.deepEqual(
    chunks.map(({ path }) => path),
    ["b.py", "c.py"],
  );
  assert.ok(chunks[0]?.text.startsWith("line 30\n") && chunks[0].text.endsWith("line 69"));
  assert.equal(chunks[1]?.text, "short\nfile");
});
