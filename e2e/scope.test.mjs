/**
 * Stories of what a command works on and where it writes: the user chooses from what is large, and
 * is asked about files that programs act on.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { SAMPLE } from "./support/places.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

/** Even the demo model improves its first function. */
const TEXT = readFileSync(join(SAMPLE, "inventory.py"), "utf8");

/** More lines than a command works on without asking. */
const LONG = `${TEXT}\n\n${TEXT.replaceAll(/^def /gmu, "def other_")}`;
const LINES = LONG.trimEnd().split("\n").length + 1;

story(
  "what is too much to work on at once is chosen from",
  async ({ ide, workbench, name }) => {
    await workbench.openFile("long.py");
    await workbench.selectAll(LINES);
    const all = await workbench.selected(/./u);

    await workbench.press(KEYS.improve);
    await workbench.focusedEntry(`All ${LINES - 1} selected lines`);
    assert.match(await workbench.entry(/^Function find_item/u), /lines 18–22/u);
    await workbench.press("ArrowDown");
    await workbench.focusedEntry("Function total_stock");
    await workbench.selected(/^Ln 8,/u);
    await workbench.type("other_names");
    await workbench.focusedEntry("Function other_names");
    await workbench.selected(/^Ln 132,/u);
    await workbench.photograph(name);

    await workbench.press("Escape");
    await workbench.askedNoMore();
    await workbench.selected(new RegExp(`^Ln ${LINES},`, "u"));
    await until("all is selected again", async () => (await workbench.selected(/./u)) === all);
    await workbench.inFile("long.py");
    assert.deepEqual(await workbench.notifications(), []);
    assert.deepEqual(await workbench.tabs(), ["long.py"]);

    await workbench.press(KEYS.improve);
    await workbench.focusedEntry("All ");
    await workbench.take("Function total_stock");
    assert.match(await workbench.diff("long.py"), /\(lines 4–8\)/u);
    await workbench.press(KEYS.apply);
    await workbench.noDiff();
    await until("it is saved", () => ide.read("long.py") !== LONG);
    assert.ok(ide.read("long.py").endsWith(LONG.split("\n").slice(8).join("\n")));
  },
  { ide: { files: { "long.py": LONG } } },
);

/** A file that git runs at each commit. */
const HOOK = ".husky/check.py";

story(
  "a file that programs act on is written only where the user says so",
  async ({ ide, workbench, name }) => {
    await workbench.openFile("check.py");
    await workbench.goTo(5);
    await workbench.press(KEYS.improve);
    await workbench.diff("check.py");
    await workbench.press(KEYS.apply);
    assert.match(
      await workbench.dialog(),
      /^\.husky\/check\.py is not an ordinary file: git runs it when/mu,
    );
    await workbench.photograph(name);
    await workbench.answer("Cancel");
    await workbench.noDialog();
    await workbench.diff("check.py");
    assert.equal(ide.read(HOOK), TEXT);

    await workbench.press(KEYS.apply);
    await workbench.dialog();
    assert.equal(ide.read(HOOK), TEXT);
    // Meanwhile another program inserts a line, so that all lines move.
    ide.write(HOOK, `# From elsewhere.\n${TEXT}`);
    await workbench.shows(/# From elsewhere/u);
    await workbench.answer("Change It");
    await workbench.noDiff();
    await workbench.inFile("check.py");
    await workbench.saved();
    const lines = TEXT.split("\n");
    const after = ide.read(HOOK);
    assert.ok(after.startsWith(["# From elsewhere.", ...lines.slice(0, 4), ""].join("\n")), after);
    assert.ok(after.endsWith(["", ...lines.slice(8)].join("\n")), after);
    assert.doesNotMatch(after, /total = total/u);
  },
  { ide: { files: { [HOOK]: TEXT } } },
);
