/** Stories of the editor's own processes that die: the window is back, and so is its text. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { endLauncher, killExtensionHost, killServer } from "./faults/kills.mjs";
import { table, Trials } from "./faults/result.mjs";

/** Longest time one trial may take, in milliseconds; most of it is the start of an IDE. */
const TRIAL_MS = 180_000;

/** @type {[string, typeof killServer, number][]} */
const KINDS = [
  ["server", killServer, 1],
  ["extension-host", killExtensionHost, 1],
  // Killed, and asked to end.
  ["launcher", endLauncher, 2],
];

for (const [kind, kill, times] of KINDS) {
  test(`${kind} killed while text is not saved`, { timeout: TRIAL_MS }, async (context) => {
    // Whether it is quick enough is measured by `faults/editor.mjs`, with nothing beside it.
    const trials = new Trials(kind, { limited: false });
    await kill(trials, times);
    context.diagnostic(table([trials]));
    assert.deepEqual(trials.failures, []);
  });
}
