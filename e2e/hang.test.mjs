/**
 * A worker that hangs: reported after some seconds, ended after ten, and the next request works.
 */
import assert from "node:assert/strict";

import { story } from "./support/story.mjs";
import { freezeInMidAnswer, RAMBLING } from "./support/streaming.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

story(
  "worker that hangs in mid-answer",
  async ({ ide, workbench, name }) => {
    const lines = { file: "inventory.py", first: 4, last: 8 };
    const worker = await freezeInMidAnswer(ide, workbench, lines);
    await workbench.status(/^LocalCoder: not responding$/u);
    await workbench.photograph(name);
    await workbench.explanationPhase("failed");
    const error = await workbench.explanationPart("error-text").innerText();
    assert.match(error, /no sign of life for 10 seconds/iu);
    assert.match(error, /try again/iu);
    await workbench.status(READY);
    const { worker: now } = await ide.status();
    assert.notEqual(now.pid, worker);

    await workbench.selectLines(lines.first, lines.last);
    await workbench.press(KEYS.explain);
    await workbench.explanationPhase("done");
  },
  RAMBLING,
);
