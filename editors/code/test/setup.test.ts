/** What the set-up shows of what the program reports, and which messages its page may send. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type {
  ModelRow,
  SelfTestEvent,
  SelfTestReport,
  SetupReport,
} from "../src/generated/protocol";
import { readSetupMessage } from "../src/lib/setup-messages";
import {
  diffLines,
  NO_TEST,
  offered,
  offerOf,
  rowFacts,
  shownDownload,
  testAfter,
  waitingModel,
} from "../src/lib/setup";

function row(id: string, state: ModelRow["state"], loadedBytes = 0): ModelRow {
  return {
    id,
    name: `Model ${id}`,
    state,
    uses: [],
    actions: [],
    bytes: 4_000_000,
    loadedBytes,
    roles: ["code"],
    parameters: 1,
    quantization: "Q4_K_M",
    contextTokens: 4096,
    description: "",
    facts: [],
  };
}

const report = {
  downloads: ["b"],
  recommended: { profile: "fast", model: "b", reason: "It fits." },
  list: { models: [row("demo", "bundled"), row("a", "available"), row("b", "partial", 1_000_000)] },
} as unknown as SetupReport;

test("models are offered by what they are for, the recommended one first", () => {
  const { models } = report.list;
  const general: ModelRow = { ...row("c", "available"), roles: ["general"] };
  const large: ModelRow = { ...row("d", "available"), profile: "heavy" };
  const all = { ...report, list: { ...report.list, models: [...models, general, large] } };
  assert.deepEqual(
    offered(all).map(({ title, rows }) => [title, rows.map(({ id }) => id).join(" ")]),
    [
      ["For code", "b a"],
      ["For everything else", "c"],
      ["Heavy", "d"],
    ],
  );
  assert.equal(offerOf(row("a", "available")).type, "install");
  assert.match(offerOf(row("a", "partial")).title, /^Resume/u);
  assert.equal(offerOf(row("a", "installed")).type, "use");
});

test("of a model is told what is known of it, and no more", () => {
  const whole: ModelRow = {
    ...row("a", "available"),
    facts: [{ what: "What for", text: "a first try" }],
    license: { name: "Apache License 2.0", saidBy: "catalog" },
    speed: { tokensPerS: 12, measured: false, text: "an estimate" },
  };
  const texts = rowFacts(whole).map(({ what, text }) => `${what}: ${text}`);
  assert.deepEqual(texts, [
    "What for: a first try",
    "Size: 4.0 MB, Q4_K_M",
    "License: Apache License 2.0",
    "Speed: about 12.0 tokens/s: an estimate",
  ]);
});

test("a download is shown as it runs, and as it was left", () => {
  const waiting = waitingModel(report);
  assert.equal(waiting?.id, "b");
  const paused = shownDownload(waiting, undefined);
  assert.deepEqual([paused.running, paused.percent], [false, 25]);
  assert.equal(paused.text, "Paused: 1.0 MB of 4.0 MB are downloaded.");
  const loading = { bytes: 2_000_000, totalBytes: 4_000_000, bytesPerSecond: 1_000_000 };
  const running = shownDownload(waiting, loading);
  assert.deepEqual([running.running, running.percent], [true, 50]);
  assert.match(running.text, /2\.0 MB of 4\.0 MB, 1\.0 MB\/s, 2 s left/u);
  assert.equal(shownDownload(waiting, { bytes: 0, totalBytes: 0, bytesPerSecond: 0 }).percent, 0);
});

test("a self-test grows with its events and ends with its report", () => {
  const check = { what: "Load", verdict: "passed", text: "loaded" } as const;
  const events: SelfTestEvent[] = [
    { event: "began", what: "Load" },
    { event: "checked", check },
    { event: "began", what: "Improve" },
  ];
  const running = events.reduce(testAfter, NO_TEST);
  assert.deepEqual(running, { trying: "Improve", checks: [check] });
  const whole = { checks: [check, check], summary: "It works." } as unknown as SelfTestReport;
  const done = testAfter(running, { event: "finished", report: whole });
  assert.equal(done.trying, "");
  assert.equal(done.report?.summary, "It works.");
  assert.equal(done.checks.length, 2);
});

test("lines of a diff are told apart, its head is none of them", () => {
  const kinds = diffLines("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n c\n").map(({ kind }) => kind);
  assert.deepEqual(kinds, ["same", "same", "same", "del", "add", "same"]);
});

test("the page may say what is in the list and nothing else", () => {
  for (const good of [
    { type: "ready" },
    { type: "demo" },
    { type: "install", id: "a" },
    { type: "importFile", inPlace: false },
    { type: "airGap", on: true },
  ]) {
    assert.deepEqual(readSetupMessage({ ...good, more: 1 }), good);
  }
  for (const bad of [
    undefined,
    "demo",
    {},
    { type: "other" },
    { type: "install" },
    { type: "install", id: 1 },
    { type: "importFile" },
    { type: "airGap", on: "yes" },
  ]) {
    assert.equal(readSetupMessage(bad), undefined);
  }
});
