/**
 * Stories of things that go wrong outside of our control: each is reported with what happened, why,
 * and a button that helps.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { after } from "node:test";

import { FAST_MS, offerModel } from "./support/model-server.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

/** How often a worker repeats a fault that is to last until the story ends it. */
const OFTEN = 1_000;

/** A model file that does not exist. */
const GONE = "/tmp/lc-story-gone.gguf";

const { offer, catalog, close, goOffline, goOnline } = await offerModel();
after(close);

/** Whether a program may mount a disk of its own here. */
function canMount() {
  try {
    const mount = ["mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    execFileSync("unshare", ["--user", "--map-root-user", "--mount", ...mount], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

/** Agrees to a model and waits until its download is under way. */
async function install(workbench) {
  await workbench.command("LocalCoder: Show Models");
  await workbench.choose("LocalCoder: Install Model", "Small Model");
  await workbench.answer("Agree and Install");
}

if (canMount()) {
  story(
    "a disk that is full amid a download",
    async ({ ide, workbench, name }) => {
      await install(workbench);
      await workbench.notification(/Installing Small Model.* of [\d.]+ MB/u);
      // As if others were filling the disk meanwhile.
      ide.sizeDisk(ide.diskUsed() + 128 * 1024);
      offer.pauseMs = FAST_MS;
      const said = await workbench.notification(/no room for the model/iu);
      assert.match(
        said,
        /There is no room for the model: .*\. Make room and try again: what is downloaded stays\./u,
      );
      await workbench.photograph(name);

      ide.sizeDisk("64g");
      await workbench.clickNotification(/no room/u, "Retry");
      await workbench.answer("Agree and Install");
      await workbench.notification(/Small Model is installed and verified/u);
    },
    { ide: { catalog, ownDisk: true } },
  );
}

story(
  "a download without a network waits for one",
  async ({ workbench, name }) => {
    offer.pauseMs = FAST_MS;
    await goOffline();
    await install(workbench);
    const said = await workbench.notification(/Installing Small Model.*could not be reached/u);
    assert.match(said, /127\.0\.0\.1.*refused.*; trying again in \d+ s/iu);
    await workbench.notificationButton(/could not be reached/u, "Cancel");
    await workbench.photograph(name);
    await goOnline();
    await workbench.notification(/Small Model is installed and verified/u);
  },
  { ide: { catalog } },
);

story(
  "an engine that ends again and again is left alone until the user decides",
  async ({ ide, workbench, name }) => {
    const killed = new Set();
    await until("it is left alone", async () => {
      const { engine, worker } = await ide.status();
      if (engine.state === "ready" && !killed.has(worker.pid)) {
        killed.add(worker.pid);
        process.kill(worker.pid, "SIGKILL");
      }
      return engine.state === "failed";
    });
    assert.ok(killed.size >= 3, `${killed.size} workers`);
    await workbench.status(/^LocalCoder: failed: /u);
    await workbench.clickStatus();
    const said = await workbench.notification(/ended/u);
    assert.match(said, /signal|killed|several times/iu);
    assert.match(said, /another model|lighter profile/u);
    await workbench.photograph(name);

    await workbench.clickNotification(/ended/u, "Switch Profile…");
    await workbench.take("fast");
    await workbench.status(READY);
  },
);

story(
  "a model for which there is no memory is reported with what fits",
  async ({ ide, workbench, name }) => {
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.improve);
    const said = await workbench.notification(/not enough memory/iu);
    await workbench.photograph(name);
    assert.match(
      said,
      /It was tried with less .*: close other programs, or choose a lighter profile/u,
    );

    // As if others had ended.
    appendFileSync(ide.notes, "fault oomError@load:0.5 1 1\n".repeat(OFTEN));
    await workbench.clickNotification(/not enough memory/iu, "Switch Profile…");
    await workbench.take("fast");
    await workbench.status(READY);
  },
  {
    ide: { worker: [{ at: "load:0.5", do: "oomError", times: OFTEN }] },
    status: /^LocalCoder: failed: /u,
  },
);

story(
  "a model whose file is gone is told, and another one is chosen",
  async ({ workbench, name }) => {
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.improve);
    const said = await workbench.notification(/no model file/iu);
    assert.match(said, /lc-story-gone\.gguf/u);
    await workbench.photograph(name);
    await workbench.clickNotification(/no model file/iu, "Show Models");
    await workbench.model("LocalCoder demo");
    await workbench.choose("LocalCoder: Use Model for Code", "LocalCoder demo");
    await workbench.status(READY);
  },
  { ide: { settings: { codeModel: GONE } }, status: /^LocalCoder: failed: /u },
);
