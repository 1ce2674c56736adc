/** The pure half of the extension: words, lines and states. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { EngineState, ErrorInfo } from "../src/generated/protocol";
import { contextText, cutText, omittedText, unchangedText, usageText } from "../src/lib/answer";
import { COMMAND_WORDS } from "../src/lib/commands";
import { QUESTION_CHARS_MAX } from "../src/lib/explanation";
import {
  baseName,
  differingLines,
  lineLabel,
  movedPath,
  originalStandsAt,
  replaceLines,
  selectedLines,
} from "../src/lib/lines";
import { readViewMessage } from "../src/lib/messages";
import { progressText } from "../src/lib/progress";
import { Running } from "../src/lib/running";
import { declaredSettings, userSettings } from "../src/lib/settings";
import { factLines, isThere, shownModel } from "../src/lib/models";
import { statusView } from "../src/lib/status";
import { buttonsFor } from "../src/lib/words";

import { hostStatus, HELLO } from "./fake-host";
import { ANCHOR, CONTEXT, MODEL, modelRow, USAGE } from "./samples";

test("a selection covers every line it touches, and not one it only ends before", () => {
  const lines = (start: [number, number], end: [number, number]) =>
    selectedLines({ line: start[0], character: start[1] }, { line: end[0], character: end[1] });
  assert.deepEqual(lines([0, 2], [0, 5]), { start: 1, end: 1 });
  assert.deepEqual(lines([1, 0], [3, 4]), { start: 2, end: 4 });
  assert.deepEqual(lines([1, 0], [3, 0]), { start: 2, end: 3 });
  assert.deepEqual(lines([1, 5], [2, 0]), { start: 2, end: 2 });
  assert.equal(lines([4, 3], [4, 3]), undefined);
  assert.equal(lineLabel({ start: 3, end: 3 }), "line 3");
  assert.equal(lineLabel({ start: 3, end: 7 }), "lines 3–7");
});

test("lines are replaced and nothing else, whatever the line ends", () => {
  assert.equal(replaceLines("a\nb\nc\n", { start: 2, end: 2 }, "B\nB"), "a\nB\nB\nc\n");
  assert.equal(replaceLines("a\r\nb\r\nc", { start: 1, end: 2 }, "x"), "x\r\nc");
  assert.equal(replaceLines("a\nb", { start: 2, end: 2 }, ""), "a\n");
  assert.equal(replaceLines("a\n", { start: 2, end: 2 }, "b"), "a\nb");
  assert.equal(replaceLines("", { start: 1, end: 1 }, "b"), "b");
  for (const range of [
    { start: 0, end: 1 },
    { start: 2, end: 1 },
    { start: 1, end: 3 },
    { start: 4, end: 4 },
  ]) {
    assert.equal(replaceLines("a\nb", range, "x"), undefined, lineLabel(range));
  }
});

test("an edit stands only where its original is, line ends aside", () => {
  const range = { start: 2, end: 3 };
  const edit = { range, original: "b\r\nc", replacement: "x", anchor: ANCHOR };
  assert.ok(originalStandsAt("a\nb\nc\nd", { start: 2, end: 3 }, edit));
  assert.ok(originalStandsAt("a\r\nb\r\nc\r\n", { start: 2, end: 3 }, edit));
  assert.ok(!originalStandsAt("a\nb\nC\nd", { start: 2, end: 3 }, edit));
  assert.ok(!originalStandsAt("a\nb", { start: 2, end: 3 }, edit));
});

test("names of files are found in paths of every system", () => {
  assert.equal(baseName("/a/b/name.py"), "name.py");
  assert.equal(baseName("C:\\a\\name.py"), "name.py");
  assert.equal(baseName("Untitled-1"), "Untitled-1");
});

test("every engine state has its words in the status bar", () => {
  const error: ErrorInfo = {
    code: "outOfMemory",
    message: "the model needs 9 GB",
    hint: "use a smaller one",
  };
  const expected: [EngineState, string, string][] = [
    [{ state: "idle" }, "circle-outline", "idle"],
    [{ state: "starting" }, "sync~spin", "starting…"],
    [{ state: "loading", fraction: 0.424 }, "sync~spin", "loading 42 %"],
    [{ state: "loading", fraction: 7 }, "sync~spin", "loading 100 %"],
    [{ state: "ready" }, "check", "Coder 7B"],
    [{ state: "working" }, "sync~spin", "working…"],
    [{ state: "unresponsive" }, "warning", "not responding"],
    [{ state: "failed", error }, "error", "failed: the model needs 9 GB"],
  ];
  const connected = { kind: "connected", host: HELLO } as const;
  for (const [engine, icon, label] of expected) {
    const view = statusView(connected, hostStatus(engine, { model: MODEL }), false);
    assert.deepEqual([view.icon, view.label], [icon, label]);
    assert.equal(view.failure, engine.state === "failed" ? error : undefined);
  }
  assert.equal(statusView(connected, hostStatus({ state: "ready" }), true).label, "working…");
});

test("the memory of the loaded model is in the status bar's tooltip", () => {
  const memory = { weightsBytes: 4.5e9, kvBytes: 2.3e8, computeBytes: 7e7 };
  const status = hostStatus({ state: "ready" }, { model: MODEL, memory });
  const view = statusView({ kind: "connected", host: HELLO }, status, false);
  assert.ok(view.details.includes("Memory: 4.8 GB, of these 230.0 MB for the context window"));
});

test("that nothing was changed is reported with the model's reason where one was asked for", () => {
  const { found } = COMMAND_WORDS.improve;
  assert.equal(
    unchangedText({ attempts: 1 }, found, "lines 3–7"),
    "LocalCoder found nothing to improve in lines 3–7.",
  );
  assert.equal(
    unchangedText({ attempts: 2, reason: "it has no\nloop" }, found, "lines 3–7"),
    "The model changed nothing in lines 3–7, asked in two ways. Its reason: It has no loop. Say more exactly what is to change, or use a larger model.",
  );
});

test("a model is shown as the program says it, and as it is loaded while this window does that", () => {
  const idle = modelRow("a", { description: "1.1 GB" });
  assert.deepEqual(shownModel(idle, undefined), {
    state: "installed",
    description: "1.1 GB",
    actions: ["use", "verify"],
  });
  assert.equal(shownModel({ ...idle, uses: ["general"] }, undefined).state, "inUse");
  const loading = { bytes: 2.3e9, totalBytes: 4.7e9, bytesPerSecond: 1e7 };
  assert.deepEqual(shownModel(modelRow("b", { state: "available" }), loading), {
    state: "loading",
    description: "2.3 GB of 4.7 GB, 10.0 MB/s, 4 min left",
    actions: ["pause"],
  });
  const states = ["bundled", "installed", "broken", "partial", "available"] as const;
  assert.deepEqual(
    states.map((state) => isThere(modelRow("c", { state }))),
    [true, true, true, false, false],
  );
  assert.deepEqual(factLines([{ what: "X", text: "y" }]), ["X: y"]);
});

test("a text becomes another by the lines that differ", () => {
  const cases: [from: string, to: string, start: number, end: number, text: string][] = [
    ["a\nb\nc", "a\nB\nB\nc", 2, 2, "B\nB"],
    ["a\nb\nb\nc\n", "a\nb\nc\n", 3, 4, "c"],
    ["a\r\nb", "a\nc", 2, 2, "c"],
    ["a", "", 1, 1, ""],
    ["", "a\nb", 1, 1, "a\nb"],
    ["a\na\na", "a", 1, 3, "a"],
    ["a\nb", "a\nb", 2, 2, "b"],
  ];
  for (const [from, to, start, end, text] of cases) {
    assert.deepEqual(differingLines(from, to), { range: { start, end }, text }, from);
    assert.equal(replaceLines(from, { start, end }, text)?.replaceAll("\r", ""), to);
  }
});

test("a message that one line can't hold has a button", () => {
  const long = "The change brings an error to inventory.py: line 3.";
  assert.deepEqual(buttonsFor("Saved."), []);
  assert.deepEqual(buttonsFor(long), ["OK"]);
  assert.deepEqual(buttonsFor(long, ["Undo"]), ["Undo"]);
});

test("what a model's license wants shown is in the status bar's tooltip", () => {
  const model = { ...MODEL, attribution: ["Built with Llama"] };
  const status = hostStatus({ state: "ready" }, { model });
  const view = statusView({ kind: "connected", host: HELLO }, status, false);
  assert.ok(view.details.includes("Built with Llama"));
});

test("every state of the connection has its words in the status bar", () => {
  const error: ErrorInfo = {
    code: "hostUnreachable",
    message: "no such program",
    hint: "reinstall",
  };
  const label = (state: Parameters<typeof statusView>[0]) =>
    statusView(state, undefined, false).label;
  assert.equal(label({ kind: "connecting", again: false }), "starting…");
  assert.equal(label({ kind: "connecting", again: true }), "reconnecting…");
  assert.equal(label({ kind: "connected", host: HELLO }), "starting…");
  assert.equal(label({ kind: "stopped" }), "stopped");
  const view = statusView({ kind: "unreachable", error }, undefined, false);
  assert.equal(view.label, "not running");
  assert.deepEqual(view.details, ["No such program. Reinstall."]);
});

test("names out of model files can't draw icons or break lines", () => {
  const name = `$(trash) a\nb\u202e${"x".repeat(60)}`;
  const status = hostStatus({ state: "ready" }, { model: { ...MODEL, name } });
  const view = statusView({ kind: "connected", host: HELLO }, status, false);
  assert.ok(view.label.startsWith("$ (trash) a b x"));
  assert.equal(view.label.length, 40);
  assert.ok(view.details.every((line) => !/[\n\u202e]|\$\(/u.test(line)));
});

test("progress is the host's words, else the stage's, with the part that is done", () => {
  const at = { requestId: "1", stage: "loading" } as const;
  assert.equal(progressText({ ...at, message: "" }), "loading the model");
  assert.equal(
    progressText({ ...at, message: " warming up ", fraction: 0.5 }),
    "warming up (50 %)",
  );
  assert.equal(progressText({ ...at, message: "50 % read", fraction: 0.5 }), "50 % read");
});

test("what an answer cost and lacks is reported", () => {
  assert.equal(usageText(USAGE), "120 tokens read, 50 written, 25.0 tokens/s");
  assert.equal(usageText({ ...USAGE, decodeMs: 0 }), "120 tokens read, 50 written");
  assert.equal(
    contextText(CONTEXT),
    "Tokens: 40 selected, 210 file, 96 instructions, up to 400 answer, context window 4096",
  );
  assert.equal(omittedText(CONTEXT), undefined);
  assert.equal(
    omittedText({ ...CONTEXT, beforeLinesOmitted: 1, afterLinesOmitted: 20 }),
    "Not shown to the model: 1 line before, 20 lines after (its context window: 4096 tokens)",
  );
  assert.equal(
    omittedText({ ...CONTEXT, beforeLinesOmitted: 90, outlineLines: 3 }),
    "Not shown to the model: 90 lines before, but for 3 that the selection uses (its context window: 4096 tokens)",
  );
  assert.equal(
    omittedText({ ...CONTEXT, afterLinesOmitted: 20 }),
    "Not shown to the model: 20 lines after (its context window: 4096 tokens)",
  );
  assert.equal(cutText("endOfTurn"), undefined);
  assert.match(cutText("tokenLimit") ?? "", /cut/u);
  assert.match(cutText("contextFull") ?? "", /cut/u);
});

test("the view may say only what is on the list", () => {
  assert.deepEqual(readViewMessage({ type: "stop", extra: 1 }), { type: "stop" });
  assert.deepEqual(readViewMessage({ type: "act", action: "retry" }), {
    type: "act",
    action: "retry",
  });
  assert.deepEqual(readViewMessage({ type: "ask", question: " why?\n" }), {
    type: "ask",
    question: "why?",
  });
  assert.deepEqual(readViewMessage({ type: "jump", turn: 1, reference: 2, uri: "file:///x" }), {
    type: "jump",
    turn: 1,
    reference: 2,
  });
  for (const bad of [
    undefined,
    null,
    7,
    "stop",
    [],
    {},
    { type: "eval" },
    { type: ["stop"] },
    { type: "act" },
    { type: "act", action: "toString" },
    { type: "act", action: { retry: true } },
    { type: "ask" },
    { type: "ask", question: " \n" },
    { type: "ask", question: ["why"] },
    { type: "ask", question: "x".repeat(QUESTION_CHARS_MAX + 1) },
    { type: "jump", turn: 0 },
    { type: "jump", turn: -1, reference: 0 },
    { type: "jump", turn: 0, reference: 0.5 },
    { type: "jump", turn: "0", reference: 0 },
    { type: "jump", uri: "command:x", line: 3 },
  ]) {
    // prettier-ignore
    assert.equal(readViewMessage(bad), undefined, JSON.stringify(bad));
  }
});

test("only what the user set goes to the host, and nothing of the folder", () => {
  const manifest = {
    contributes: {
      configuration: { properties: { "localcoder.codeModel": {}, "localcoder.mode": {} } },
    },
  };
  const keys = declaredSettings(manifest);
  const values: Record<string, object> = {
    "localcoder.codeModel": {
      defaultValue: "demo",
      globalValue: "/m.gguf",
      workspaceValue: "/evil.gguf",
    },
    "localcoder.mode": { defaultValue: "performance", workspaceValue: "stability" },
  };
  assert.deepEqual(
    userSettings(keys, (key) => values[key]),
    { codeModel: "/m.gguf" },
  );
  assert.deepEqual(declaredSettings({}), []);
});

test("a newer request stops the older one with its key; all can be stopped", async () => {
  const busy: boolean[] = [];
  const running = new Running((it) => busy.push(it));
  const untilAborted = (signal: AbortSignal) =>
    new Promise<string>((resolve) => {
      signal.addEventListener("abort", () => {
        resolve("aborted");
      });
    });
  const first = running.run("a", untilAborted);
  const second = running.run("a", untilAborted);
  assert.equal(await first, "aborted");
  assert.ok(running.busy);
  const third = running.run("b", untilAborted);
  running.cancelAll();
  assert.deepEqual(await Promise.all([second, third]), ["aborted", "aborted"]);
  assert.ok(!running.busy);
  assert.equal(busy.at(-1), false);
});

test("a file moves with its folder, and not with one that begins alike", () => {
  assert.equal(movedPath("/a/b.py", "/a/b.py", "/a/c.py"), "/a/c.py");
  assert.equal(movedPath("/a/b/c.py", "/a/b", "/z"), "/z/c.py");
  assert.equal(movedPath("/a/bc/d.py", "/a/b", "/z"), undefined);
  assert.equal(movedPath("/a/b.py", "/a/b.py/c", "/z"), undefined);
});
