/** What becomes of edits is counted from what the user does, shown on a page, and deleted there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";

import { assertAccessible } from "./support/axe.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

/** `total_stock` in the sample's `inventory.py`, which even the demo model improves. */
const FILE = "inventory.py";
const FIRST = 4;
const LAST = 8;
const PAGE = '[data-testid="statistics"]';

async function improve(workbench) {
  await workbench.openFile(FILE);
  await workbench.selectLines(FIRST, LAST);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
}

async function apply(workbench) {
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await workbench.inFile(FILE);
}

/** Waits until the counts are as expected: the editor reports after it has shown the result. */
async function counted(ide, expected) {
  /** @type {any} */
  let last;
  try {
    return await until(`${JSON.stringify(expected)} is counted`, async () => {
      last = JSON.parse(await ide.localcoder("stats", "--json"));
      return Object.entries(expected).every(([name, count]) => last.all[name] === count) && last;
    });
  } catch (error) {
    throw new Error(`it is not: ${JSON.stringify(last?.all)}`, {
      cause: error,
    });
  }
}

story("what became of each edit is counted, shown and deleted", async (tools) => {
  const { ide, workbench, name } = tools;
  const before = ide.read(FILE);

  // The same again before anything was decided; then kept, and taken back.
  await improve(workbench);
  await counted(ide, { shown: 1, undecided: 1 });
  await improve(workbench);
  await counted(ide, { shown: 2, retried: 1, undecided: 1 });
  await apply(workbench);
  await counted(ide, { kept: 1 });
  await workbench.press(KEYS.undo);
  await counted(ide, { shown: 2, kept: 0, undone: 1 });
  await workbench.press(KEYS.save);
  await until("the file is as it was", () => ide.read(FILE) === before);

  await improve(workbench);
  await workbench.press(KEYS.discard);
  await workbench.noDiff();
  await counted(ide, { shown: 3, dropped: 1 });

  await improve(workbench);
  await apply(workbench);
  const counts = {
    shown: 4,
    kept: 1,
    dropped: 1,
    undone: 1,
    retried: 1,
    undecided: 0,
  };
  const { file } = await counted(ide, counts);
  assert.doesNotMatch(readFileSync(file, "utf8"), /inventory|total|stock|quantity/u);

  await workbench.command("LocalCoder: Edit Statistics");
  const frame = await workbench.webview(PAGE);
  const row = frame.locator('[data-testid="statistics-model"] tr[data-row="demo"]');
  for (const [count, number] of Object.entries(counts)) {
    assert.equal(await row.locator(`[data-count="${count}"]`).innerText(), String(number), count);
  }
  await assertAccessible(frame, PAGE);
  await workbench.photograph(name);

  await workbench.page.getByRole("button", { name: "Delete Edit Statistics…" }).first().click();
  await workbench.answer("Delete");
  await until("the page is empty", async () => {
    const state = (await workbench.webview(PAGE)).locator('[data-testid="statistics-state"]');
    return (await state.innerText({ timeout: 1_000 })).includes("No edits were counted yet.");
  });
  assert.equal(existsSync(file), false);
  await counted(ide, { shown: 0 });
});
