/**
 * Stories of fixes for what one of the user's tools reports, from each place where the report is
 * shown.
 */
import assert from "node:assert/strict";

import { linter } from "./support/linter.mjs";
import { fixAtCursor, fixFromHover, fixFromProblems, reported } from "./support/reports.mjs";
import { story } from "./support/story.mjs";
import { FILE, line, TEXT, withChanges } from "./support/totals.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const TITLE = "Fix with LocalCoder";

/** The second of the three functions. */
const LINE = line(1);
const BEFORE = 'total = total + item["stock_value"]';
const FIXED = withChanges(1);
const IDE = { files: { [FILE]: TEXT }, extensions: linter("total = total", "use += here") };

/** The fix is shown as a diff, and written once it is kept. */
async function keep(ide, workbench) {
  await workbench.diff(FILE);
  assert.equal(ide.read(FILE), TEXT, "nothing is written unseen");
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await until("the fix is written", () => ide.read(FILE) === FIXED);
  await reported(workbench, 2);
}

async function undo(ide, workbench) {
  await workbench.inFile(FILE);
  await workbench.press(KEYS.undo);
  await workbench.press(KEYS.save);
  await until("it is undone", () => ide.read(FILE) === TEXT);
  await reported(workbench, 3);
}

story(
  "a report is fixed at the cursor, from its hover and from the list of problems",
  async ({ ide, workbench, name }) => {
    await workbench.openFile(FILE);
    await reported(workbench, 3);
    await workbench.goTo(LINE);
    await fixAtCursor(workbench, TITLE);
    await workbench.diff(FILE);
    await workbench.photograph(name);
    await keep(ide, workbench);
    await undo(ide, workbench);

    await fixFromHover(workbench, BEFORE, TITLE);
    await keep(ide, workbench);
    await undo(ide, workbench);

    await fixFromProblems(workbench, `[Ln ${LINE}, Col 9]`, TITLE);
    await keep(ide, workbench);
  },
  { ide: IDE },
);
