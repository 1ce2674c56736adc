/**
 * Stories of settings: changed in the settings editor, or by choosing a profile, they take effect;
 * and what they do not allow is refused with what can be done.
 */
import assert from "node:assert/strict";

import { SettingsEditor } from "./support/settings.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

/** Two profiles that differ in what the host says of itself. The second is the usual one. */
const PROFILES = {
  fast: { codeModel: "demo", contextWindow: 1024 },
  balanced: { codeModel: "demo", contextWindow: 2048 },
};

/** Waits until the model is ready under that profile. */
async function underProfile(ide, workbench, profile, contextTokens) {
  await until(`the profile ${profile} is in force`, async () => {
    const status = await ide.status();
    return status.profile === profile && status.contextTokens === contextTokens;
  });
  await workbench.status(READY);
}

/** Waits until a setting has that value, which the editor has sent. */
async function inEditor(ide, key, value) {
  await until(`${key} is ${value} in the editor's settings`, async () => {
    const setting = await ide.setting(key);
    return setting.value === value && setting.from === "the editor's settings";
  });
}

story(
  "profile, mode and acceleration are changed in the settings editor",
  async ({ ide, workbench, name }) => {
    await underProfile(ide, workbench, "balanced", 2048);
    const editor = new SettingsEditor(workbench);
    await editor.open();
    await workbench.photograph(`${name}-all`);
    await editor.choose("profile", "fast");
    await underProfile(ide, workbench, "fast", 1024);

    await editor.choose("acceleration", "cpu");
    await inEditor(ide, "acceleration", "cpu");
    await workbench.status(READY);
    // What the window says may be of the worker before.
    await until("the worker says what it runs on", async () => {
      return (await ide.status()).worker?.device === "CPU";
    });

    await editor.choose("mode", "stability");
    await inEditor(ide, "mode", "stability");
    await workbench.status(READY);
    await workbench.photograph(name);
    await editor.close();
    const details = await workbench.statusDetails();
    await workbench.photograph(`${name}-status`);
    for (const line of ["Profile: fast", "Context window: 1024 tokens", "Device: CPU"]) {
      assert.ok(details.includes(line), `${line} in: ${details}`);
    }

    // Nothing is read ahead in this mode, so a command has to read all of the selection.
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.explain);
    await workbench.explanationPhase("done");
    const notes = (await workbench.explanationPart("cost").textContent()).trim();
    const [, read, , ahead = 0] = /(\d+) tokens read( \((\d+) ahead\))?/u.exec(notes) ?? [];
    const [, selected] = /Tokens: (\d+) selected/u.exec(notes) ?? [];
    assert.ok(Number(read) - Number(ahead) >= Number(selected), notes);
    assert.match(notes, /up to \d+ answer, window 1024$/u);

    // What is chosen now counts, although the editor had a value of its own.
    await workbench.ask("LocalCoder: Switch Profile");
    const entry = await workbench.entry(/^fast, in use: /u);
    assert.match(entry, /loaded|fits with/iu);
    await workbench.photograph(`${name}-picker`);
    await workbench.take("balanced");
    await underProfile(ide, workbench, "balanced", 2048);
    await until("the editor has no value of its own", async () => {
      return (await ide.setting("profile")).from === "settings.json";
    });
    assert.deepEqual(await workbench.notifications(), []);

    // A profile whose model is not there is chosen all the same, and that is told.
    await workbench.choose("LocalCoder: Switch Profile", "heavy");
    await workbench.notification(/profile heavy is in use\. No model `qwen2\.5-coder-14b` is/u);
    await workbench.photograph(`${name}-missing`);
    await underProfile(ide, workbench, "heavy", 2048);
  },
  { ide: { settings: { profiles: PROFILES } } },
);

story(
  "a setting of one's own counts more than the profile until it is given up",
  async ({ ide, workbench, name }) => {
    await underProfile(ide, workbench, "balanced", 512);
    await workbench.choose("LocalCoder: Switch Profile", "fast");
    const question = /Your setting `localcoder\.contextWindow` counts more than the profile/u;
    await workbench.notification(question);
    await workbench.photograph(name);
    await workbench.clickNotification(question, "Keep Mine");
    await workbench.noNotification(question);
    await underProfile(ide, workbench, "fast", 512);
    assert.equal(ide.settings().contextWindow, 512);

    await workbench.choose("LocalCoder: Switch Profile", "balanced");
    await workbench.notification(question);
    await workbench.clickNotification(question, "Use the Profile's");
    await underProfile(ide, workbench, "balanced", 2048);
    assert.deepEqual(ide.settings(), { profile: "balanced", profiles: PROFILES });
  },
  { ide: { settings: { profiles: PROFILES, contextWindow: 512 } } },
);

story(
  "a selection that is too large is refused with what can be done",
  async ({ ide, workbench, name }) => {
    const before = ide.read(FILE);
    await underProfile(ide, workbench, "balanced", 512);
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 44);
    await workbench.press(KEYS.improve);
    const refused = await workbench.notification(/^Lines 4-\d+ of `inventory\.py` need about \d+/u);
    await workbench.photograph(name);
    assert.match(refused, /the context window has 512/u);
    assert.match(refused, /Select fewer lines( \(about \d+ fit\))?/u);
    assert.match(refused, /set `localcoder\.contextWindow` to 1024/u);
    assert.match(refused, /leave the profile `balanced` for `fast`/u);
    assert.deepEqual(await workbench.tabs(), [FILE]);

    await workbench.clickNotification(/Lines 4-/u, "Switch Profile");
    await workbench.entry(/^fast, .*(loaded|fits with)/iu);
    await workbench.take("fast");
    await underProfile(ide, workbench, "fast", 2048);
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 44);
    await workbench.press(KEYS.explain);
    await workbench.explanationPhase("done");
    const notes = (await workbench.explanationPart("cost").textContent()).trim();
    assert.match(notes, /Tokens: \d+ selected, \d+ file, \d+ instructions, .* window 2048$/u);
    assert.equal(ide.read(FILE), before);
  },
  {
    ide: {
      settings: {
        profiles: {
          fast: { codeModel: "demo", contextWindow: 2048 },
          balanced: { codeModel: "demo", contextWindow: 512 },
        },
      },
    },
  },
);
