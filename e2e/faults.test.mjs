/** Stories of the editor's own processes dying: the window comes back, and so does its text. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { endLauncher, killExtensionHost, killServer } from "./faults/kills.mjs";
import { table, Trials } from "./faults/result.mjs";

/** Longest time for one trial, in milliseconds; most of it is the start of an IDE. */
const TRIAL_MS = 180_000;

/** @type {[string, typeof killServer, number][]} */
const KINDS = [
  ["server", killServer, 1],
  ["extension-host", killExtensionHost, 1],
  // Killed first, then asked to end.
  ["launcher", endLauncher, 2],
];

for (const [kind, kill, times] of KINDS) {
  test(`${kind} killed while text is not saved`, { timeout: TRIAL_MS }, async (context) => {
    // Whether it is fast enough is measured by `faults/editor.mjs`, with nothing else running.
    const trials = new Trials(kind, { limited: false });
    await kill(trials, times);
    context.diagnostic(table([trials]));
    assert.deepEqual(trials.failures, []);
  });
}
