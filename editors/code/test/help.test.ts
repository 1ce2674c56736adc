/**
 * Help: what an error offers, where the pages describe errors, what the walkthrough's steps use,
 * and what is said before a reset.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ERROR_CODES } from "../src/generated/protocol";
import type { ErrorCode, ErrorInfo, Removal } from "../src/generated/protocol";
import { renderError } from "../src/lib/errors";
import { errorAnchor, ERRORS_PAGE } from "../src/lib/help";
import { removalText } from "../src/lib/removal";
import { functionLines } from "../src/lib/tour";

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

test("every error but those that say all has an entry to be opened", () => {
  const page = readFileSync(join(__dirname, "../../../docs", ERRORS_PAGE), "utf8");
  const headings = page.split("\n").filter((line) => line.startsWith("## "));
  const anchors = headings.map((line) => line.slice(3).toLowerCase());
  for (const code of codes) {
    assert.ok(anchors.includes(errorAnchor(code)), code);
    const { buttons } = renderError({ code, message: "it broke" });
    const opens = buttons.some(({ action }) => action === "learnMore");
    assert.equal(opens, code !== "selectionEmpty" && code !== "cancelled", code);
  }
});

test("the function of a walkthrough's step is found, its empty last lines aside", () => {
  const text = "x = 1\n\n\ndef one(a):\n    b = a\n\n    return b\n\n\ndef two():\n    pass\n";
  assert.deepEqual(functionLines(text, "one"), { start: 4, end: 7 });
  assert.deepEqual(functionLines(text.replaceAll("\n", "\r\n"), "two"), { start: 10, end: 11 });
  assert.deepEqual(functionLines(text, "three"), { start: 1, end: 1 });
});

test("before a reset it is said what goes, what stays, and what is not saved", () => {
  const paths = ["a", "b", "c", "d", "e", "f", "g"].map((name) => `/h/${name}`);
  const removal: Removal = {
    done: false,
    bytes: 1_500_000,
    goes: [{ what: "Logs", paths, bytes: 1_500_000 }],
    stays: [{ what: "The programs themselves", paths: ["/opt"], text: "as they came" }],
    closes: true,
  };
  const text = removalText(removal, 2);
  assert.match(text, /Goes:\n• Logs \(1\.5 MB\): \/h \(a, b, c, d, e, f and 1 more\)\n/u);
  assert.match(text, /Stays:\n• The programs themselves: \/opt — as they came\n/u);
  assert.match(text, /2 files have changes that are not saved/u);
  assert.doesNotMatch(removalText({ ...removal, stays: [] }, 0), /Stays|not saved/u);
});

test("an error that names no next step itself offers the one that usually helps", () => {
  const first = (code: ErrorCode): string | undefined =>
    renderError({ code, message: "it broke" }, true).buttons[0]?.action;
  for (const [code, action] of [
    ["noModel", "showModels"],
    ["modelNotFound", "showModels"],
    ["diskFull", "showModels"],
    ["modelInUse", "switchModel"],
    ["outOfMemory", "switchProfile"],
    ["airGapped", "openSettings"],
    ["hostUnreachable", "restartEngine"],
    ["workerCrashed", "retry"],
    ["downloadFailed", "retry"],
    ["internal", "createReport"],
    ["documentChanged", "retry"],
  ] as const) {
    assert.equal(first(code), action, code);
  }
  const own: ErrorInfo = { code: "noModel", message: "it broke", action: "showLog" };
  assert.equal(renderError(own).buttons[0]?.action, "showLog");
});
