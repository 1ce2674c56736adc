/** Stories of processes that die: the IDE says so, and the next request works. */
import assert from "node:assert/strict";

import { processesOf } from "./support/processes.mjs";
import { story } from "./support/story.mjs";
import { freezeInMidAnswer, RAMBLING } from "./support/streaming.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

const LINES = { file: FILE, first: 4, last: 8 };

story(
  "worker killed in mid-answer",
  async ({ ide, workbench, name }) => {
    const worker = await freezeInMidAnswer(ide, workbench, LINES);
    process.kill(worker, "SIGKILL");
    await workbench.explanationPhase("failed");
    await workbench.photograph(name);
    const error = await workbench.explanationPart("error-text").innerText();
    assert.match(error, /worker ended while it was answering/iu);
    assert.match(error, /try again/iu);

    await workbench.explanationPart("retry").click();
    await workbench.explanationPhase("done");
    await workbench.status(READY);
    const { worker: now } = await ide.status();
    assert.notEqual(now.pid, worker);
    assert.equal(now.generation, 2);
  },
  RAMBLING,
);

story(
  "host killed in mid-answer",
  async ({ ide, workbench, name }) => {
    const worker = await freezeInMidAnswer(ide, workbench, LINES);
    const { pid: host } = await ide.status();
    const seen = await workbench.recordStatus();
    process.kill(host, "SIGKILL");
    await workbench.explanationPhase("failed");
    await workbench.photograph(name);
    const error = await workbench.explanationPart("error-text").innerText();
    assert.match(error, /host/iu);
    assert.match(error, /try again/iu);

    await until("another host runs", async () => {
      const status = await ide.status();
      return status && status.pid !== host;
    });
    await workbench.status(READY);
    const labels = await seen();
    const again = labels.indexOf("LocalCoder: reconnecting…");
    assert.ok(again >= 0, `the status bar said that it connects again: ${labels.join(", ")}`);
    await until("the worker of the dead host is gone", () =>
      processesOf(ide.home).every(({ pid }) => pid !== worker),
    );

    await workbench.explanationPart("retry").click();
    await workbench.explanationPhase("done");
  },
  RAMBLING,
);

story("two windows share one host and one model", async ({ ide, workbench, another, name }) => {
  const other = await another();
  const alone = await ide.status();
  // The two windows, and the program that asks.
  assert.ok(alone.clients >= 3, `${alone.clients} clients`);
  for (const window of [workbench, other]) {
    await window.openFile(FILE);
    await window.selectLines(4, 8);
  }
  await workbench.press(KEYS.explain);
  await other.press(KEYS.improve);
  await other.diff(FILE);
  await workbench.explanationPhase("done");
  await other.photograph(name);
  const status = await ide.status();
  assert.equal(status.pid, alone.pid);
  assert.equal(status.worker.pid, alone.worker.pid);
  assert.equal(status.worker.generation, 1);
  const workers = processesOf(ide.home).filter(({ command }) => /localcoder-worker/u.test(command));
  assert.equal(workers.length, 1);
});
