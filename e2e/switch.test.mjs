/**
 * Stories of another model: chosen with the picker, or suggested because the one in use is slow.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { DEMO_MODEL } from "./support/places.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

/**
 * A copy of the demo model under another name of the same length, so that nothing else in the file
 * moves.
 */
function copyOfDemo(folder) {
  const bytes = readFileSync(DEMO_MODEL);
  const at = bytes.indexOf("LocalCoder demo");
  assert.ok(at > 0, "the name is in the file");
  bytes.write("LocalCoder copy", at);
  const path = join(folder, "copy.gguf");
  writeFileSync(path, bytes);
  return path;
}

story("another model is chosen with the picker", async ({ ide, workbench, name }) => {
  await ide.localcoder("models", "import", copyOfDemo(ide.home), "--id", "other");
  await workbench.ask("LocalCoder: Switch Model");
  assert.match(await workbench.entry(/^LocalCoder demo, .*(loaded|fits)/iu), /in use/u);
  const other = await workbench.entry(/^LocalCoder copy, .*fits/iu);
  assert.match(other, /needs [\d.]+ [MG]B, [\d.]+ [MG]B free: fits with \d+ tokens/iu);
  await workbench.photograph(name);
  await workbench.take("LocalCoder copy");
  await workbench.status(/^LocalCoder: LocalCoder copy$/u);
  await until("the host has it", async () => (await ide.status()).model?.reference === "other");
  assert.equal((await ide.setting("codeModel")).value, "other");

  const before = ide.read(FILE);
  await workbench.openFile(FILE);
  await workbench.selectLines(4, 8);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await until("the file is improved", () => ide.read(FILE) !== before);
  assert.equal((await ide.status()).model.reference, "other");

  await workbench.ask("LocalCoder: Switch Model");
  await workbench.entry(/^LocalCoder copy, .*in use.*loaded/iu);
  await workbench.photograph(`${name}-in-use`);
  await workbench.take("Show Models");
  await workbench.model("LocalCoder copy, in use");
  assert.deepEqual(await workbench.notifications(), []);
});

/** Produces this many real answers, as a script would: the editor is notified of them too. */
async function explain(ide, times) {
  for (let answers = 0; answers < times; answers += 1) {
    await ide.localcoder("explain", join(ide.folder, FILE), "--lines", "4-8");
  }
}

story(
  "a slow model is told once, with what to do",
  async ({ ide, workbench, name }) => {
    await explain(ide, 4);
    assert.deepEqual(await workbench.notifications(), []);
    await explain(ide, 1);
    const told = await workbench.notification(/The profile fast/u);
    await workbench.photograph(name);
    assert.match(told, /^LocalCoder demo writes \d+\.\d tokens a second here; below 10000 /u);
    assert.match(told, /`qwen2\.5-coder-7b`, which is not installed\.$/u);
    await workbench.clickNotification(/The profile fast/u, "Show Models");
    await workbench.model("LocalCoder demo, in use");
    await workbench.noNotification(/./u);

    await workbench.status(READY);
    // If these last ones are reported, those before had nothing to report.
    await explain(ide, 8);
    assert.deepEqual(await workbench.notifications(), []);
  },
  // Far above the demo's speed.
  { ide: { settings: { slowTokensPerSecond: 10_000 } } },
);
