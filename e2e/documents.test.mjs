/** Stories of unusual documents and selections. */
import assert from "node:assert/strict";

import { linesOf } from "./support/python.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const FILE = "inventory.py";

const UNTITLED = `def total(items):
    total = 0
    for item in items:
        total = total + item["quantity"]
    return total
`;

story("what was typed meanwhile is never overwritten", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await workbench.openFile(FILE);
  await workbench.selectLines(4, 8);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);

  await workbench.openTab(FILE);
  await workbench.goTo(7);
  await workbench.press("End");
  await workbench.type("  # counted");
  await workbench.notification(/was changed\. It can only be applied if that is undone/u);
  await workbench.closeNotifications();
  await workbench.openTab(/^Improve /u);
  await workbench.diff(FILE);
  await workbench.press(KEYS.apply);
  const refused = await workbench.notification(/./u);
  await workbench.photograph(name);
  assert.match(refused, /lines 4–8|lines 4-8|no longer|changed/iu);
  assert.equal(ide.read(FILE), before);

  await workbench.openTab(FILE);
  await workbench.press(KEYS.save);
  const typed = before.replace(/(total = total \+ item\["quantity"\])/u, "$1  # counted");
  await until("the file is as it was typed", () => ide.read(FILE) === typed);
});

story("the function round the cursor is meant", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await workbench.openFile(FILE);
  await workbench.goTo(6);
  await workbench.press(KEYS.improve);
  assert.match(await workbench.diff(FILE), /\(lines 4–8\)/u);
  await workbench.photograph(name);
  await workbench.press(KEYS.discard);
  await workbench.noDiff();

  await workbench.inFile(FILE);
  await workbench.goTo(14);
  await workbench.press(KEYS.explain);
  await workbench.explanationPhase("done");
  assert.match(await workbench.explanationPart("target").innerText(), /lines 11–15$/u);
  assert.equal(ide.read(FILE), before);
});

story("nothing to work on is said so", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await workbench.openFile(FILE);
  await workbench.goTo(9);
  await workbench.press(KEYS.improve);
  await workbench.notification(/no code at line 9 of .inventory\.py.\. Select the code, or put/u);
  await workbench.photograph(name);
  await workbench.closeNotifications();
  await workbench.press(KEYS.explain);
  await workbench.notification(/no code at line 9 of .inventory\.py.\./u);
  await workbench.closeNotifications();

  await workbench.goTo(9);
  await workbench.press("Shift+ArrowDown");
  await workbench.press(KEYS.improve);
  await workbench.notification(/blank|empty|nothing|select/iu);
  await workbench.photograph(`${name}-selected`);
  assert.deepEqual(await workbench.tabs(), [FILE]);
  assert.equal(ide.read(FILE), before);
});

story("a file with unsaved changes is improved and not saved", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await workbench.openFile(FILE);
  await workbench.goTo(2);
  await workbench.type("# mine");
  await workbench.selectLines(4, 8);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await workbench.inFile(FILE);
  await workbench.photograph(name);
  assert.equal(await workbench.dirty(), true);
  assert.equal(ide.read(FILE), before);

  await workbench.press(KEYS.save);
  const after = await until("it is saved", () => ide.read(FILE) !== before && ide.read(FILE));
  assert.match(after, /^.*\n# mine\n/u);
  assert.ok(after.endsWith(before.slice(linesOf(before, 4, 8).end)));
});

story("an untitled document is improved", async ({ workbench, name }) => {
  await workbench.command("File: New Untitled Text File");
  await workbench.inFile("Untitled-1");
  await workbench.paste(UNTITLED);
  await workbench.selectLines(1, 5);
  await workbench.press(KEYS.improve);
  await workbench.diff("Untitled-1");
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  // The editor puts the document's first line in front of its name.
  await workbench.inFile(/Untitled-1$/u);
  await workbench.photograph(name);
  await workbench.shows(/total \+= item|sum\(/u);
});
