/** Errors in words and buttons. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ERROR_CODES } from "../src/generated/protocol";
import type { ErrorCode, ErrorInfo } from "../src/generated/protocol";
import { HostError, isErrorInfo, lineOf, renderError, toErrorInfo } from "../src/lib/errors";
import { readViewMessage } from "../src/lib/messages";

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

test("every error code is reported with what happened, why, what next, and a button", () => {
  for (const code of codes) {
    const info: ErrorInfo = { code, message: "the thing broke", cause: "no luck", hint: "try it" };
    const { severity, text, buttons } = renderError(info);
    assert.equal(text, "The thing broke: no luck. Try it.", code);
    assert.equal(severity === "silent", code === "cancelled", code);
    assert.equal(
      buttons.some((it) => it.action === "showLog"),
      severity === "error",
      code,
    );
    assert.ok(isErrorInfo(info), code);
  }
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
