/**
 * Stories of settings: changed in the settings editor or by choosing a profile, they take effect;
 * what they do not allow is refused with a way to solve it.
 */
import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";

import { SettingsEditor } from "./support/settings.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

/** Two profiles that differ in what the host reports. The second is the default. */
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

/** Waits until a setting has that value in the one settings file. */
async function inFile(ide, key, value) {
  await until(`${key} is ${value} in settings.json`, async () => {
    const setting = await ide.setting(key);
    return setting.value === value && setting.from === "settings.json";
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
    await inFile(ide, "acceleration", "cpu");
    await workbench.status(READY);
    // The window may still show the previous worker.
    await until("the worker says what it runs on", async () => {
      return (await ide.status()).worker?.device === "CPU";
    });

    await editor.choose("mode", "stability");
    await inFile(ide, "mode", "stability");
    await workbench.status(READY);
    await workbench.photograph(name);
    await editor.close();
    const details = await workbench.statusDetails();
    await workbench.photograph(`${name}-status`);
    for (const line of ["Profile: fast", "Context window: 1024 tokens", "Device: CPU"]) {
      assert.ok(details.includes(line), `${line} in: ${details}`);
    }

    // Nothing is read ahead in this mode, so a command has to read the whole selection.
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.explain);
    await workbench.explanationPhase("done");
    const notes = (await workbench.explanationPart("cost").textContent()).trim();
    const [, read, , ahead = 0] = /(\d+) tokens read( \((\d+) ahead\))?/u.exec(notes) ?? [];
    const [, selected] = /Tokens: (\d+) selected/u.exec(notes) ?? [];
    assert.ok(Number(read) - Number(ahead) >= Number(selected), notes);
    assert.match(notes, /up to \d+ answer, context window 1024$/u);

    // A choice made elsewhere takes effect and is shown.
    await workbench.ask("LocalCoder: Switch Profile");
    const entry = await workbench.entry(/^fast, in use: /u);
    assert.match(entry, /loaded|fits with/iu);
    await workbench.photograph(`${name}-picker`);
    await workbench.take("balanced");
    await underProfile(ide, workbench, "balanced", 2048);
    await inFile(ide, "profile", "balanced");
    assert.deepEqual(await workbench.notifications(), []);

    // A profile whose model is not installed is chosen all the same, and that is reported.
    await workbench.choose("LocalCoder: Switch Profile", "heavy");
    await workbench.notification(/profile heavy is in use\. No model `qwen2\.5-coder-14b` is/u);
    await workbench.photograph(`${name}-missing`);
    await underProfile(ide, workbench, "heavy", 2048);
  },
  { ide: { settings: { profiles: PROFILES } } },
);

story("ours are found under User, and a change is in the one file", async (tools) => {
  const { ide, workbench, name } = tools;
  const editor = new SettingsEditor(workbench);
  await editor.openByKey();
  await editor.look("localcoder");
  await editor.lists("profile");
  assert.deepEqual(await editor.tabs(), ["User", "Workspace"]);
  const strangers = (await editor.listed()).filter((key) => !key.startsWith("localcoder."));
  assert.deepEqual(strangers, []);
  await workbench.photograph(`${name}-found`);

  await editor.choose("mode", "stability");
  await inFile(ide, "mode", "stability");
  const explained = await ide.explained();
  assert.match(explained.list, /^mode +stability +settings\.json$/mu);
  const [, file] = /settings\.json is `(.+)`\./u.exec(explained.note) ?? [];
  assert.equal(JSON.parse(readFileSync(file, "utf8"))["localcoder.mode"], "stability");
  // The editor has no other settings file of its own.
  assert.equal(realpathSync(join(ide.home, "editor/user/User/settings.json")), file);

  // The open settings editor shows what the command line sets, once the field has lost focus, and
  // the host uses it.
  await editor.look("localcoder.mode");
  ide.set("mode", "performance");
  await until("the editor shows what was set elsewhere", async () => {
    return (await editor.shown("mode")) === "performance";
  });
  ide.set("contextWindow", "1024");
  await until("the host has heard of it", async () => (await ide.status()).contextTokens === 1024);
  // So does an edit of the file by hand, with the short name or the full one.
  for (const [key, tokens] of [
    ["contextWindow", 512],
    ["localcoder.contextWindow", 2048],
  ]) {
    ide.writeSettings(`// by hand\n{ "${key}": ${tokens}, }\n`);
    await until(`${key} counts`, async () => (await ide.status()).contextTokens === tokens);
  }
  await editor.look("telemetry");
  await until("no setting of telemetry is left", async () => {
    const listed = await editor.listed();
    return listed.length > 0 && listed.every((key) => !key.startsWith("telemetry."));
  });
  await workbench.photograph(`${name}-telemetry`);
});

story(
  "a folder's settings set none of ours",
  async ({ ide, workbench, name }) => {
    const editor = new SettingsEditor(workbench);
    await editor.openByKey();
    await editor.look("@ext:localcoder.localcoder");
    await editor.lists("profile");
    await editor.tab("Workspace");
    await editor.nothing();
    await workbench.photograph(name);
    for (const key of ["contextWindow", "airGapped", "codeModel"]) {
      assert.equal((await ide.setting(key)).from.startsWith("the "), true, key);
    }
    await editor.close();
    // As much as the demo model supports.
    assert.equal((await ide.status()).contextTokens, 2048);
    await workbench.openFile(FILE);
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.explain);
    await workbench.explanationPhase("done");
    const notes = (await workbench.explanationPart("cost").textContent()).trim();
    assert.match(notes, /window 2048$/u);
  },
  {
    ide: {
      files: {
        ".vscode/settings.json": JSON.stringify({
          "localcoder.contextWindow": 512,
          "localcoder.airGapped": true,
          "localcoder.codeModel": "/tmp/theirs.gguf",
        }),
      },
    },
  },
);

story("a settings file that is broken is reported with its line", async (tools) => {
  const { ide, workbench, name } = tools;
  const before = ide.settingsText();
  ide.writeSettings('{\n  "localcoder.mode": "stability"\n  "localcoder.contextWindow": 1024\n}\n');
  const said = /settings\.json` is not JSON: .*line 2/u;
  await workbench.notification(said);
  await workbench.photograph(name);
  await workbench.clickNotification(said, "Open settings.json");
  await until("the file is open at the line", async () => {
    return (await workbench.line()) === 2;
  });
  await workbench.photograph(`${name}-opened`);
  const refused = /settings\.json` is not JSON\n +cause: .*line 2/u;
  await assert.rejects(ide.localcoder("config", "set", "mode", "performance"), refused);
  assert.equal((await ide.setting("airGapped")).value, true, "nobody knows, so it is on");
  // Once it is fixed, nothing is reported any more; a wrong value is, with its line.
  ide.writeSettings(before);
  await until("the air gap is off", async () => (await ide.setting("airGapped")).value === false);
  await workbench.closeNotifications();
  ide.writeSettings('{\n  "localcoder.contextWindow": 7\n}\n');
  await workbench.notification(/contextWindow` can't be 7 \(in `.*settings\.json`, line 2\)/u);
});

story(
  "settings that an earlier version has kept elsewhere are taken over",
  async ({ ide, workbench, name }) => {
    const editor = new SettingsEditor(workbench);
    await editor.open();
    await editor.choose("mode", "stability");
    await workbench.photograph(name);
    await underProfile(ide, workbench, "balanced", 1024);
    const text = ide.settingsText();
    assert.match(text, /"localcoder\.contextWindow": ?1024/u);
    assert.match(text, /"editor\.fontSize": 17/u);
    await inFile(ide, "contextWindow", 1024);
  },
  {
    ide: {
      settings: { contextWindow: 512 },
      editor: { "editor.fontSize": 17 },
      machine: { "localcoder.contextWindow": 1024 },
    },
  },
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
