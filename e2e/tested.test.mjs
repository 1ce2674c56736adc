/** Stories of the user's own test, which is run on an edit before it is shown. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { SAMPLE } from "./support/places.mjs";
import { story } from "./support/story.mjs";
import { KEYS } from "./support/workbench.mjs";

const FILE = "inventory.py";
const TEXT = readFileSync(join(SAMPLE, FILE), "utf8");
const RESTRICTED = /restricted mode/iu;
const TRUSTED = /you trust/iu;

/**
 * The test leaves a file next to the project to show that it ran, because what it writes inside is
 * lost with the copy.
 */
const testOf = (mark, verdict) => `
import pathlib
import unittest

import inventory


class Inventory(unittest.TestCase):
    def test_it_is_there(self):
        pathlib.Path(${JSON.stringify(mark)}).touch()
        pathlib.Path("inventory.py.seen").touch()
        ${verdict}
`;

/** A test that leaves nothing in the project but a mark of its own. */
function tested(verdict) {
  const mark = join(
    process.env["TMPDIR"] ?? "/tmp",
    `localcoder-tested-${process.pid}-${verdict.length}`,
  );
  return { mark, files: { "tests/test_inventory.py": testOf(mark, verdict) } };
}

const never = tested("self.assertIsNotNone(inventory)");
const good = tested("self.assertTrue(inventory)");
const bad = tested(
  'self.assertTrue("total = total" in pathlib.Path(inventory.__file__).read_text(), "it has to stay")',
);

/** Improves the first function, in a folder that was trusted first if requested. */
async function improve(workbench, { trusted }) {
  if (trusted) {
    await workbench.openTrust(RESTRICTED);
    await workbench.trustFolder();
    await workbench.trustSays(TRUSTED);
    await workbench.press("Escape");
  }
  await workbench.openFile(FILE);
  await workbench.goTo(5);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
}

story(
  "nothing of a folder is run on a change before the folder is trusted",
  async ({ workbench }) => {
    await improve(workbench, { trusted: false });
    await workbench.noNotification(/test_inventory/u);
    assert.ok(!existsSync(never.mark));
  },
  { ide: { files: never.files, settings: { testEdits: true } } },
);

story(
  "the user's own test is run on a change before it is shown",
  async ({ ide, workbench, name }) => {
    await improve(workbench, { trusted: true });
    await workbench.notification(/Tested: tests\/test_inventory\.py passes with it\.$/u);
    await workbench.photograph(name);
    assert.ok(existsSync(good.mark), "it was run");
    assert.ok(!existsSync(join(ide.folder, "inventory.py.seen")), "on a copy");
    assert.equal(ide.read(FILE), TEXT);
  },
  { ide: { files: good.files, settings: { testEdits: true } } },
);

story(
  "a change with which the user's own test fails is reported as doubtful",
  async ({ ide, workbench, name }) => {
    await improve(workbench, { trusted: true });
    await workbench.notification(
      /not sure of this change: `tests\/test_inventory\.py` fails: AssertionError: .*it has to stay/u,
    );
    await workbench.photograph(name);
    assert.equal(ide.read(FILE), TEXT);
  },
  { ide: { files: bad.files, settings: { testEdits: true } } },
);

story(
  "where there is no test, functions are called before and after a change",
  async ({ ide, workbench, name }) => {
    await improve(workbench, { trusted: true });
    await workbench.notification(/Same results as before in \d+ calls of \w+\.$/u);
    await workbench.photograph(name);
    assert.equal(ide.read(FILE), TEXT);
  },
  { ide: { settings: { testEdits: true } } },
);
