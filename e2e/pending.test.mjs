/** Stories of a pending edit: its changes one by one, changed in words, and one undo for all. */
import assert from "node:assert/strict";

import { story } from "./support/story.mjs";
import { FILE, TEXT, withChanges } from "./support/totals.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const IDE = { files: { [FILE]: TEXT } };

async function improve(workbench) {
  await workbench.openFile(FILE);
  await workbench.selectLines(1, 19);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
  await workbench.besides(/Keep .* Drop .*3 changes: \+3 −3 lines/u);
}

story(
  "one change of three is kept, one dropped, and one undo takes it back",
  async ({ ide, workbench, name }) => {
    await improve(workbench);
    await workbench.photograph(name);
    await workbench.press(KEYS.keepChange);
    await workbench.besides(/✓ kept/u);
    assert.equal(ide.read(FILE), TEXT, "nothing is written before all is decided");
    await workbench.press(KEYS.dropChange);
    await workbench.besides(/2 changes: \+2 −2 lines/u);
    await workbench.photograph(`${name}-decided`);
    await workbench.press(KEYS.keepChange);
    await workbench.noDiff();
    await until("what is kept is written", () => ide.read(FILE) === withChanges(0, 2));

    await workbench.inFile(FILE);
    await workbench.press(KEYS.undo);
    await workbench.press(KEYS.save);
    await until("one undo takes it back byte for byte", () => ide.read(FILE) === TEXT);
  },
  { ide: IDE },
);

story(
  "code beside a change is edited by hand, and what is kept when the diff is closed stays",
  async ({ ide, workbench }) => {
    await improve(workbench);
    await workbench.press(KEYS.keepChange);
    await workbench.besides(/✓ kept/u);
    await workbench.openFile(FILE);
    await workbench.goTo(9);
    await workbench.press("End");
    await workbench.press("Enter");
    await workbench.type("# typed by hand");
    await workbench.press(KEYS.save);
    const typed = (text) =>
      text.replace("def stock_value(items):\n    total = 0\n", "$&    # typed by hand\n");
    await until("it is saved", () => ide.read(FILE) === typed(TEXT));
    await workbench.openTab(/^Improve totals\.py/u);
    await workbench.besides(/✓ kept/u);
    await workbench.press(KEYS.discard);
    await workbench.noDiff();
    await until(
      "what was kept is written beside it",
      () => ide.read(FILE) === typed(withChanges(0)),
    );
  },
  { ide: IDE },
);

story(
  "a change is kept by the button beside it",
  async ({ ide, workbench, name }) => {
    await improve(workbench);
    await workbench.changeButton("Drop Change", 0);
    await workbench.besides(/2 changes/u);
    await workbench.photograph(name);
    await workbench.press(KEYS.apply);
    await workbench.noDiff();
    await until("the others are written", () => ide.read(FILE) === withChanges(1, 2));
  },
  { ide: IDE },
);

story(
  "an edit that waits is changed in words, asked for again, and taken back to what it was",
  async ({ ide, workbench, name }) => {
    await improve(workbench);
    await workbench.tell("LocalCoder: Change This Edit…", /Change this edit/u, "Use sum");
    await workbench.besides(/Keep .* Drop/u);
    await until("there is a version before", () =>
      workbench.button("Previous Version").isVisible(),
    );
    await workbench.photograph(name);
    assert.equal(ide.read(FILE), TEXT);
    await workbench.command("LocalCoder: Previous Version of This Edit");
    await workbench.besides(/3 changes: \+3 −3 lines/u);
    await workbench.command("LocalCoder: Ask for Another Answer");
    await until("it was asked for again", () => workbench.button("Previous Version").isVisible());
    await workbench.diff(FILE);
    await workbench.besides(/Keep .* Drop/u);
    // If the model is not sure of the edit, the first Escape would close the message about that.
    await workbench.closeNotifications();
    await workbench.press(KEYS.discard);
    await workbench.noDiff();
    assert.equal(ide.read(FILE), TEXT);
  },
  { ide: IDE },
);

story(
  "what is asked for often is in a list with what the user has written",
  async ({ workbench, name }) => {
    await workbench.openFile(FILE);
    await workbench.selectLines(1, 5);
    await workbench.ask("LocalCoder: Quick Edit…");
    await workbench.entry(/^Simplify Selection/u);
    await workbench.photograph(name);
    await workbench.press("Escape");
    await workbench.selectLines(1, 5);
    await workbench.tell(
      "LocalCoder: Improve Selection with Instruction…",
      /^Edit lines/u,
      "Add type hints",
    );
    await workbench.diff(FILE);
    await workbench.press(KEYS.discard);
    await workbench.noDiff();
    await workbench.selectLines(1, 5);
    await workbench.ask("LocalCoder: Quick Edit…");
    await workbench.entry(/^Add type hints/u);
  },
  { ide: IDE },
);

story(
  "old and new are put side by side, and changes are decided on there, too",
  async ({ ide, workbench, name }) => {
    await improve(workbench);
    await workbench.command("Compare: Toggle Inline View");
    await workbench.page.locator(".monaco-diff-editor.side-by-side").waitFor();
    await workbench.besides(/Keep .* Drop .*3 changes: \+3 −3 lines/u);
    await workbench.photograph(name);
    await workbench.press(KEYS.keepChange);
    await workbench.besides(/✓ kept/u);
    await workbench.decided(/^Change kept, 2 left to decide$/u);
    await workbench.press(KEYS.dropChange);
    await workbench.decided(/^Change dropped, 1 left to decide$/u);
    await workbench.press(KEYS.dropChange);
    await workbench.noDiff();
    await workbench.decided(new RegExp(`^Kept 1 of 3 changes in ${FILE}$`, "u"));
    await until("what is kept is written", () => ide.read(FILE) === withChanges(0));
  },
  { ide: IDE },
);
