/** What is done with models and settings: only what the user chose, whatever else was on offer. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";

import type * as vscode from "vscode";

import { ModelActions } from "../src/features/model-actions";
import { Notifier } from "../src/features/notify";
import { registerSwitch } from "../src/features/switch";
import type { HostConnection } from "../src/host/connection";
import { ModelsProgram } from "../src/host/models";
import { ProfilesProgram } from "../src/host/profiles";

import { commands, screen } from "./editor";
import { modelList, modelRow } from "./samples";

const folder = mkdtempSync(join(tmpdir(), "lc-models-"));
const calls = join(folder, "calls");
const ROW = modelRow("coder");

afterEach(() => {
  rmSync(calls, { force: true });
  screen.reset();
});
process.on("exit", () => {
  rmSync(folder, { recursive: true, force: true });
});

/** `localcoder` as a script that records its arguments and prints what the test says. */
function program(answers: Record<string, unknown>): string {
  const path = join(folder, "localcoder");
  const cases = Object.entries(answers).map(
    ([words, answer]) => `"${words}"*) cat <<'END'\n${JSON.stringify(answer)}\nEND\n;;`,
  );
  const script = `echo "$*" >> '${calls}'\ncase "$*" in\n${cases.join("\n")}\nesac\n`;
  writeFileSync(path, `#!/bin/sh\n${script}`);
  chmodSync(path, 0o755);
  return path;
}

/** The recorded arguments, without the switch for machine-readable output. */
function called(): string[] {
  const lines = existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : [];
  return lines.map((line) => line.replace(" --json", ""));
}

function notifier(): Notifier {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return new Notifier(log as unknown as vscode.LogOutputChannel);
}

function actions(answers: Record<string, unknown>): ModelActions {
  return new ModelActions(new ModelsProgram(program(answers)), notifier(), () => undefined);
}

test("a model is removed only where that was pressed", async () => {
  const models = actions({ "models remove": {} });
  await models.remove(ROW);
  assert.equal(screen.messages[0]?.modal, true);
  assert.deepEqual(called(), []);
  screen.press = () => "Remove";
  await models.remove(ROW);
  assert.match(called()[0] ?? "", /^models remove.* coder/u);
});

test("without agreement to its license nothing of a model is downloaded", async () => {
  const models = actions({ "models list": modelList([ROW]) });
  assert.equal(await models.load(ROW), false);
  assert.ok(!called().some((line) => line.startsWith("models install")));
});

test("reading the license is not yet agreeing to it", async () => {
  const license = { id: "coder", name: "Coder", text: "Be kind.", facts: [] };
  const models = actions({ "models list": modelList([ROW]), "models license": license });
  screen.press = ({ modal }) => (modal ? screen.messages.at(-1)?.buttons[1] : undefined);
  assert.equal(await models.load(ROW), false);
  assert.match(screen.messages.at(-1)?.text ?? "", /Do you agree to the licen[cs]e/u);
  assert.ok(!called().some((line) => line.startsWith("models install")));
});

test("where nothing may be downloaded the user is not asked to agree to anything", async () => {
  const refusal = { code: "airGapped", message: "the air gap is on" } as const;
  const models = actions({ "models list": { ...modelList([ROW]), refusal } });
  await assert.rejects(models.load(ROW), /the air gap is on/u);
  assert.deepEqual(screen.messages, []);
});

test("using a model for code takes away the editor's own value for code, and no other", async () => {
  screen.settings.set("localcoder.codeModel", "older");
  screen.settings.set("localcoder.generalModel", "mine");
  const models = actions({ "models use": {} });
  await models.use(ROW, "code");
  assert.deepEqual([...screen.settings], [["localcoder.generalModel", "mine"]]);
  assert.match(called()[0] ?? "", /^models use.* coder --for code/u);
});

test("a file is neither copied nor left in place where the question is closed", async () => {
  const models = actions({ "models import": {} });
  await models.import("/models/a.gguf");
  assert.equal(screen.messages[0]?.modal, true);
  assert.deepEqual(called(), []);
});

function switching(answers: Record<string, unknown>): void {
  const path = program(answers);
  const host = {} as HostConnection;
  const chosen = (): undefined => undefined;
  registerSwitch(host, new ModelsProgram(path), new ProfilesProgram(path), notifier(), chosen);
}

test("a profile that is chosen leaves the user's own values where they are not given up", async () => {
  switching({ "profiles use": { profile: "fast", overrides: ["contextWindow"] } });
  screen.press = () => "Keep Mine";
  await commands.executeCommand("localcoder.switchProfile", "fast");
  assert.equal(called().length, 1);
});

test("only the values that a profile names are given up for it", async () => {
  switching({ "profiles use": { profile: "fast", overrides: ["contextWindow"] } });
  screen.settings.set("localcoder.contextWindow", 1024);
  screen.settings.set("localcoder.threads", 2);
  screen.press = ({ buttons }) => buttons[0];
  await commands.executeCommand("localcoder.switchProfile", "fast");
  assert.deepEqual(called().slice(1), ["config unset -- contextWindow"]);
  assert.deepEqual([...screen.settings], [["localcoder.threads", 2]]);
});
