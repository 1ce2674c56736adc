/** Stories of improving code: ask, read the diff, apply or discard. */
import assert from "node:assert/strict";

import { linesOf, parsesAsPython } from "./support/python.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

/** `total_stock` in the sample's `inventory.py`, which even the demo model improves. */
const FILE = "inventory.py";
const FIRST = 4;
const LAST = 8;

async function improve(workbench) {
  await workbench.openFile(FILE);
  await workbench.selectLines(FIRST, LAST);
  await workbench.press(KEYS.improve);
  return await workbench.diff(FILE);
}

story("improve and apply by keyboard", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  const title = await improve(workbench);
  assert.match(title, /lines 4–8/u);
  await workbench.photograph(name);
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await workbench.inFile(FILE);

  const after = ide.read(FILE);
  assert.notEqual(after, before);
  const selected = linesOf(before, FIRST, LAST);
  const improved = after.slice(selected.start, after.length - (before.length - selected.end));
  assert.equal(after.slice(0, selected.start), before.slice(0, selected.start), "text before it");
  assert.ok(after.endsWith(before.slice(selected.end)), "text after it");
  assert.match(improved, /\btotal \+= item\["quantity"\]|\bsum\(/u);
  assert.ok(await parsesAsPython(after));

  await workbench.press(KEYS.undo);
  await workbench.shows(/total = total \+ item/u);
  await workbench.press(KEYS.save);
  await until("one undo takes it back byte for byte", () => ide.read(FILE) === before);
});

story("improve and discard by keyboard", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await improve(workbench);
  await workbench.press(KEYS.discard);
  await workbench.noDiff();
  await workbench.inFile(FILE);
  await workbench.photograph(name);
  assert.equal(ide.read(FILE), before);
  assert.equal(await workbench.dirty(), false);
  await workbench.shows(/total = total \+ item\["quantity"\]/u);
});

story("what changes nothing is said beside the code, and its keys write nothing", async (tools) => {
  const { ide, workbench, name } = tools;
  await improve(workbench);
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await workbench.inFile(FILE);
  const improved = ide.read(FILE);

  for (const key of [KEYS.apply, KEYS.discard]) {
    await workbench.selectLines(FIRST, FIRST + 1);
    await workbench.press(KEYS.improve);
    const note = /Nothing to improve in lines 4–5\. Escape closes this\./u;
    await until("it is said beside the code", async () => note.test(await workbench.besideLines()));
    await workbench.photograph(name);
    await workbench.press(key);
    await until("the note is closed", async () => !note.test(await workbench.besideLines()));
  }
  assert.equal(await workbench.dirty(), false);
  assert.equal(ide.read(FILE), improved);
});
