/** Stories of explaining code: the answer streams into the side bar and can be stopped. */
import assert from "node:assert/strict";

import { assertAccessible } from "./support/axe.mjs";
import { story } from "./support/story.mjs";
import { freezeInMidAnswer, RAMBLING } from "./support/streaming.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

async function explain(workbench) {
  await workbench.openFile(FILE);
  await workbench.selectLines(4, 8);
  await workbench.press(KEYS.explain);
}

story("explain a function", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await explain(workbench);
  await workbench.explanationPhase("done");
  await workbench.status(READY);
  await workbench.photograph(name);
  assert.match(await workbench.explanationPart("text").innerText(), /\btotal_stock\b/u);
  assert.equal(await workbench.explanationPart("target").innerText(), `${FILE}, lines 4–8`);
  assert.equal(await workbench.explanationPart("model").innerText(), "LocalCoder demo");
  // One short line stands below the answer; the numbers are there for whom asks for them.
  const cost = workbench.explanationPart("cost");
  assert.match(await cost.innerText(), /^\d+\.\d s · \d+ tokens?$/u);
  await cost.locator("summary").click();
  const notes = await cost.innerText();
  assert.match(notes, /\d+ tokens read( \(\d+ ahead\))?, \d+ written, \d+\.\d tokens\/s/u);
  const PAGE = '[data-testid="explanation"]';
  await assertAccessible(await workbench.webview(PAGE), PAGE);
  assert.equal(await workbench.explanationPart("stop").isVisible(), false);
  assert.equal(ide.read(FILE), before);
  assert.deepEqual(await workbench.notifications(), []);
});

story("a selection is read before a command is called on it", async ({ ide, workbench }) => {
  await workbench.openFile(FILE);
  await workbench.status(READY);
  await workbench.selectLines(4, 8);
  await until("the selection is read", async () => (await ide.status()).heldTokens > 100);
  await workbench.press(KEYS.explain);
  await workbench.explanationPhase("done");
  const notes = await workbench.explanationPart("cost").textContent();
  const [, read, ahead] = /(\d+) tokens read \((\d+) ahead\)/u.exec(notes) ?? [];
  // What is left is the command itself, in the demo model's small vocabulary.
  assert.ok(Number(read) - Number(ahead) < 64, notes);
});

story(
  "an explanation streams and is stopped in the middle",
  async ({ ide, workbench, name }) => {
    const worker = await freezeInMidAnswer(ide, workbench, { file: FILE, first: 4, last: 8 });
    const begun = await workbench.explanationPart("text").innerText();
    assert.notEqual(begun.trim(), "");
    await workbench.explanationPart("stop").click();
    await workbench.explanationPhase("cancelled");
    assert.equal(await workbench.explanationPart("stage").innerText(), "Stopped.");
    assert.equal(await workbench.explanationPart("text").innerText(), begun);
    await workbench.photograph(name);
    process.kill(worker, "SIGCONT");
    await workbench.status(READY);
    assert.deepEqual(await workbench.notifications(), []);

    await explain(workbench);
    await workbench.explanationPhase("done");
    const { worker: now } = await ide.status();
    assert.equal(now.pid, worker, "the worker was not replaced");
  },
  RAMBLING,
);

story("an improvement is cancelled while the model works", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  const worker = await ide.readyWorker();
  await workbench.openFile(FILE);
  await workbench.selectLines(4, 8);
  process.kill(worker, "SIGSTOP");
  await workbench.press(KEYS.improve);
  await workbench.notification(/^Improving inventory\.py, lines 4–8/u);
  await workbench.status(/working…$/u);
  await workbench.photograph(name);
  await workbench.clickNotification("Improving ", "Cancel");
  await workbench.noNotification(/./u);
  process.kill(worker, "SIGCONT");
  await workbench.status(READY);
  assert.deepEqual(await workbench.tabs(), [FILE]);
  assert.equal(ide.read(FILE), before);

  await workbench.openFile(FILE);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
});
