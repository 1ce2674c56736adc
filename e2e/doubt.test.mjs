/**
 * Stories of changes that may be wrong: a tool finds errors in one, and the model is not sure of
 * another.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { linter } from "./support/linter.mjs";
import { SAMPLE } from "./support/places.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const FILE = "inventory.py";
const TEXT = readFileSync(join(SAMPLE, FILE), "utf8");

story(
  "errors that a change brings are reported, and it is taken back",
  async ({ ide, workbench, name }) => {
    const error = /brings an error to inventory\.py: line \d: this way to add .*\(picky\)\.$/u;
    const apply = async () => {
      await workbench.openFile(FILE);
      await workbench.goTo(5);
      await workbench.press(KEYS.improve);
      await workbench.diff(FILE);
      await workbench.press(KEYS.apply);
      await workbench.noDiff();
      await workbench.notification(error);
      assert.notEqual(ide.read(FILE), TEXT, "it is written");
    };
    await apply();
    await workbench.photograph(name);
    await workbench.clickNotification(error, "Undo");
    await until("the file is as it was", () => ide.read(FILE) === TEXT);
    await workbench.inFile(FILE);
    await workbench.saved();
    assert.equal(await workbench.text(), TEXT);
    await workbench.noNotification(error);

    await apply();
    await workbench.inFile(FILE);
    const written = ide.read(FILE);
    await workbench.press("Enter");
    await until("a line is typed", () => workbench.dirty());
    await workbench.clickNotification(error, "Undo");
    await workbench.notification(/inventory\.py. was changed since.*Nothing was written/u);
    await workbench.photograph(`${name}-refused`);
    assert.equal(ide.read(FILE), written);
  },
  {
    ide: { extensions: linter(String.raw`\+=|sum\(`, "this way to add is not allowed here") },
  },
);

/** Even without a variable of that name, the demo model returns one. */
const UNSURE = TEXT.replaceAll(/\bresult\b/gu, "found");

/** Which of these the demo model gets wrong depends on the machine's arithmetic. */
const INSTRUCTIONS = ["Add type hints", "Use Decimal", "call helper instead"];

/** Gets an edit that the model is not sure of. */
async function doubtful(ide, file) {
  for (const instruction of INSTRUCTIONS) {
    const words = ["--lines", "4-8", "--instruction", instruction, "--json"];
    const answer = JSON.parse(await ide.localcoder("improve", join(ide.folder, file), ...words));
    if (answer.unsure !== undefined) {
      return instruction;
    }
  }
  throw new Error("the demo model is sure of all of them");
}

story(
  "a change that the model is not sure of is reported as such",
  async ({ ide, workbench, name }) => {
    const instruction = await doubtful(ide, "doubt.py");
    await workbench.openFile("doubt.py");
    await workbench.goTo(5);
    await workbench.tell(
      "LocalCoder: Improve Selection with Instruction",
      "Edit lines 4–8 of doubt.py",
      instruction,
    );
    const doubt = /^LocalCoder demo is not sure of this change: it .+ Read it closely\.$/u;
    await workbench.notification(doubt);
    await workbench.diff("doubt.py");
    await workbench.photograph(name);

    // There is only this model, so it writes the same again.
    await workbench.clickNotification(doubt, "Try Heavy");
    await workbench.notificationButton(doubt, "Switch Model…");
    assert.match(await workbench.diff("doubt.py"), /\(lines 4–8\)/u);
    await workbench.photograph(`${name}-heavy`);
    assert.equal((await workbench.tabs()).length, 2, "the newer one replaces the older");
    await workbench.clickNotification(doubt, "Switch Model…");
    await workbench.entry(/LocalCoder demo/u);
    assert.equal(ide.read("doubt.py"), UNSURE);
  },
  { ide: { files: { "doubt.py": UNSURE } } },
);
