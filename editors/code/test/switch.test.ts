/** What the pickers of model and profile list, and what the program says once one is chosen. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import type { ErrorInfo } from "../src/generated/protocol";
import { ProfilesProgram } from "../src/host/profiles";
import {
  missingText,
  modelEntries,
  overridesText,
  profileEntries,
  surveyedModels,
} from "../src/lib/switch";

import { FITTING, modelList, modelRow, SURVEY } from "./samples";

const LIST = modelList([
  modelRow("demo", {
    name: "LocalCoder demo",
    state: "bundled",
    uses: ["general"],
    description: "bundled, no code assistant, in use for everything but code",
  }),
  modelRow("coder", {
    name: "Coder 7B",
    uses: ["code"],
    description: "4.7 GB, in use for code",
  }),
  modelRow("gone", { state: "broken", problem: "its file is gone" }),
  modelRow("b", { state: "available" }),
  modelRow("c", { state: "partial" }),
]);

const ANSWERED = { kind: "answered", answer: SURVEY } as const;
const ERROR: ErrorInfo = { code: "hostUnreachable", message: "nobody is there", hint: "try again" };
const FAILED = { kind: "failed", error: ERROR } as const;

test("the picker has the models that can be used, and marks the one in use for code", () => {
  const entries = modelEntries(LIST, ANSWERED);
  assert.deepEqual(
    entries.map(({ label, description, icon }) => [label, description, icon]),
    [
      ["LocalCoder demo", "bundled, no code assistant, in use for everything but code", "package"],
      ["Coder 7B", "4.7 GB, in use for code", "check"],
      ["Show Models…", "to install, import and remove them", "list-unordered"],
    ],
  );
  assert.deepEqual(
    entries.map(({ isInUse }) => isInUse),
    [false, true, false],
  );
  const choices = entries.map(({ choice }) => (choice?.kind === "model" ? choice.row.id : choice));
  assert.deepEqual(choices, ["demo", "coder", { kind: "showModels" }]);
});

test("each model is shown with what it needs, once the host has said it", () => {
  const details = (...of: Parameters<typeof modelEntries>) =>
    modelEntries(...of).map(({ detail }) => detail);
  const looking = "Checking what fits into the free memory…";
  assert.deepEqual(details(LIST, { kind: "asking" }), [looking, looking, ""]);
  const text = "Needs 5.0 GB, 7.1 GB free: fits with 4096 tokens.";
  assert.deepEqual(details(LIST, ANSWERED), ["", text, ""]);
  const measured = { ...SURVEY, models: [{ ...FITTING, measured: true }] };
  assert.equal(
    details(LIST, { kind: "answered", answer: measured })[1],
    "Needs 5.0 GB, 7.1 GB free: fits with 4096 tokens (measured).",
  );
});

test("the host is asked about the models that can be used, and not about too many", () => {
  assert.deepEqual(surveyedModels(LIST), ["demo", "coder"]);
  const many = Array.from({ length: 99 }, (_, at) => modelRow(`m${at}`));
  assert.equal(surveyedModels(modelList(many)).length, 64);
});

test("that the host can't be asked is the first entry, and the models can still be chosen", () => {
  const [first, ...others] = modelEntries(LIST, FAILED);
  assert.deepEqual(first?.choice, { kind: "askAgain" });
  assert.equal(first.detail, "Nobody is there. Try again.");
  assert.deepEqual(
    others.map(({ key }) => key),
    ["model demo", "model coder", "show"],
  );
  assert.deepEqual(
    profileEntries(FAILED).map(({ choice }) => choice),
    [{ kind: "askAgain" }],
  );
});

test("each profile is shown with its models and what they need", () => {
  assert.deepEqual(
    profileEntries(ANSWERED).map(({ label, description, detail }) => [label, description, detail]),
    [
      [
        "balanced",
        "in use: A 7B model for code",
        "For code Coder 7B: needs 5.0 GB, 7.1 GB free: fits with 4096 tokens. For everything else Llama 8B: needs 5.0 GB, 7.1 GB free: fits with 4096 tokens (measured).",
      ],
      ["heavy", "A 14B model for everything", "No model `large` is installed."],
    ],
  );
  const [balanced, heavy] = profileEntries(ANSWERED);
  assert.deepEqual([balanced?.isInUse, heavy?.isInUse], [true, false]);
  const missing = "no model `large` is installed";
  assert.deepEqual(balanced?.choice, { kind: "profile", name: "balanced", missing: "" });
  assert.deepEqual(heavy?.choice, { kind: "profile", name: "heavy", missing });
  assert.match(
    missingText("heavy", missing),
    /^The profile heavy is in use\. No model `large` is installed\. Until it can be used/u,
  );
});

test("as long as nothing is known of the profiles, nothing can be chosen", () => {
  assert.deepEqual(
    profileEntries({ kind: "asking" }).map(({ label, choice }) => [label, choice]),
    [["Checking what fits into the free memory…", undefined]],
  );
});

test("names of models can't draw icons or break lines in a picker", () => {
  const list = modelList([modelRow("x", { name: "$(trash)\na" })]);
  const text = "$(trash)\nx";
  const answer = { ...SURVEY, models: [{ ...FITTING, reference: "x", text }] };
  for (const { label, description, detail } of modelEntries(list, { kind: "answered", answer })) {
    assert.ok(!/\n|\$\(/u.test(label + description + detail), label);
  }
});

test("settings that count more than the profile are named in whole sentences", () => {
  assert.equal(
    overridesText("fast", ["codeModel"]),
    "The profile fast is in use. Your setting `localcoder.codeModel` counts more than the profile.",
  );
  assert.equal(
    overridesText("fast", ["codeModel", "generalModel", "contextWindow"]),
    "The profile fast is in use. Your settings `localcoder.codeModel`, `localcoder.generalModel` and `localcoder.contextWindow` count more than the profile.",
  );
});

const folder = mkdtempSync(join(tmpdir(), "lc-"));
after(() => {
  rmSync(folder, { recursive: true });
});

test("a profile is chosen and a setting given up through the program", async () => {
  const path = join(folder, "program");
  const calls = join(folder, "calls");
  const answer = '{"profile": "fast", "overrides": ["codeModel"]}';
  writeFileSync(path, `#!/bin/sh\necho "$*" >> '${calls}'\necho '${answer}'\n`);
  chmodSync(path, 0o755);
  const profiles = new ProfilesProgram(path);
  assert.deepEqual((await profiles.use("fast")).overrides, ["codeModel"]);
  await profiles.unset("codeModel");
  assert.deepEqual(readFileSync(calls, "utf8").trim().split("\n"), [
    "profiles use --json -- fast",
    "config unset -- codeModel",
  ]);
});
