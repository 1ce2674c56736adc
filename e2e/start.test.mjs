/** The start before there is a window: the model is loaded at the same time as the editor. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Ide } from "./support/ide.mjs";

test("the model is loaded before a window is open", { timeout: 120_000 }, async () => {
  const ide = new Ide();
  try {
    await ide.start();
    const pid = await ide.readyWorker();
    assert.ok(pid > 0);
  } finally {
    await ide.stop();
  }
});
