/** Errors as words and buttons. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import type { ErrorInfo } from "../src/generated/protocol";
import {
  HostError,
  isErrorInfo,
  lineOf,
  renderError,
  subjectOf,
  toErrorInfo,
} from "../src/lib/errors";
import { readViewMessage } from "../src/lib/messages";

/**
 * Errors as the real programs write them; `crates/cli/tests/it/errors.rs` keeps this file up to date.
 */
const SAID = "../../crates/cli/tests/it/snapshots/it__errors__as data.snap";

/** What popups show for those errors. To update it: `UPDATE_POPUPS=1 npm test`. */
const POPUPS = "test/popups.txt";

/** What a notification shows: its icon, its text, its buttons. */
function popup(info: ErrorInfo): string {
  const { severity, text, buttons } = renderError(info, true);
  const titles = buttons.map(({ title }) => `[${title}]`).join(" ");
  return `# ${info.code} (${severity})\n${text}\n${titles}`.trimEnd();
}

test("a popup says what happened, why, what next, and has a button for it", () => {
  const said = readFileSync(SAID, "utf8");
  const data = said.slice(said.indexOf("\n---\n") + 5);
  const errors = Object.values(JSON.parse(data) as Record<string, unknown>);
  assert.ok(errors.length > 30 && errors.every(isErrorInfo));
  const shown = `${errors.map(popup).join("\n\n")}\n`;
  if (process.env["UPDATE_POPUPS"] !== undefined) {
    writeFileSync(POPUPS, shown);
  }
  assert.equal(shown, readFileSync(POPUPS, "utf8"));
  // The command line suggests a command where a popup has a button.
  assert.doesNotMatch(shown, /`localcoder |`--/u);
});

test("a suggested retry is offered only where the caller can retry", () => {
  const info: ErrorInfo = { code: "answerUnusable", message: "It broke.", action: "retry" };
  const more = { action: "learnMore", title: "Learn More" };
  assert.deepEqual(renderError(info, false).buttons, [more]);
  assert.deepEqual(renderError(info, true).buttons, [{ action: "retry", title: "Retry" }, more]);
  assert.equal(renderError(info).text, "It broke.");
});

test("an error that another profile or model would help against offers that", () => {
  const info: ErrorInfo = { code: "profileNeeded", message: "it is large" };
  assert.equal(renderError(info).severity, "warning");
  for (const [action, title] of [
    ["switchProfile", "Switch Profile…"],
    ["switchModel", "Switch Model…"],
    ["useFastProfile", "Use Fast Profile"],
    ["showModels", "Show Models"],
    ["restartEngine", "Restart Engine"],
    ["createReport", "Create Report"],
  ] as const) {
    assert.deepEqual(renderError({ ...info, action }).buttons[0], { action, title });
    assert.deepEqual(readViewMessage({ type: "act", action }), { type: "act", action });
  }
});

test("a button does what it says to the model or the setting that the error names", () => {
  const info: ErrorInfo = { code: "modelDamaged", message: "it is damaged", subject: "mine" };
  assert.deepEqual(subjectOf("verifyModel", info), ["mine"]);
  assert.deepEqual(subjectOf("openSettings", { ...info, subject: "airGapped" }), ["airGapped"]);
  // These ask or show all, even if the error names something.
  assert.deepEqual(subjectOf("switchModel", info), []);
  assert.deepEqual(subjectOf("verifyModel", { code: "modelDamaged", message: "x" }), []);
});

test("whatever is thrown becomes an error with a code", () => {
  const info: ErrorInfo = { code: "noModel", message: "no model" };
  assert.deepEqual(toErrorInfo(new HostError(info)), info);
  assert.deepEqual(toErrorInfo({ message: "x", data: info }), info);
  assert.equal(toErrorInfo({ data: { code: "toString", message: "x" } }).code, "internal");
  assert.match(toErrorInfo(new Error("boom")).message, /boom/u);
  assert.match(toErrorInfo("boom").message, /boom/u);
});

test("the line that an error speaks of is found", () => {
  const error = { code: "invalidSetting", message: "`settings.json` is not JSON" } as const;
  assert.equal(lineOf({ ...error, cause: "Expected comma on line 2 column 9" }), 2);
  assert.equal(lineOf({ ...error, message: "it can't be 7 (in `a.json`, line 12)" }), 12);
  assert.equal(lineOf({ ...error, message: "line 0" }), 1);
  for (const message of ["no line", "online 7", "lines 4-8"]) {
    assert.equal(lineOf({ ...error, message }), undefined, message);
  }
});
