/** The texts about models that are being downloaded or imported. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { importedText, installText, loadingText } from "../src/lib/models";

test("each event of a download has its words", () => {
  const bytes = { bytes: 5e6, totalBytes: 1e7 };
  assert.deepEqual(installText({ event: "progress", ...bytes, bytesPerS: 1e6 }), {
    loading: { ...bytes, bytesPerSecond: 1e6 },
    message: "5.0 MB of 10.0 MB, 1.0 MB/s, 5 s left",
  });
  assert.deepEqual(installText({ event: "checking", ...bytes }), {
    message: "checking what is there: 5.0 MB of 10.0 MB",
  });
  const reason = "the server is busy";
  assert.deepEqual(installText({ event: "waiting", waitMs: 4_000, reason }), {
    message: `${reason}; trying again in 4 s`,
  });
  const loading = { bytes: 1e6, totalBytes: 2e6, bytesPerSecond: 0 };
  assert.equal(loadingText({ ...loading, note: reason }), reason);
  assert.equal(loadingText(loading), "1.0 MB of 2.0 MB");
  assert.deepEqual(installText({ event: "restarted", reason }), { message: reason });
});

test("a model is called verified where a catalog pins its file, and claimed everywhere else", () => {
  const model = {
    id: "imported-coder",
    name: "Coder",
    bytes: 1,
    sha256: "",
    verified: false,
    source: "imported from `x`",
    architecture: "qwen2",
    quantization: "Q4_K_M",
    parameters: 1,
    contextTokens: 1,
    installedAtS: 1,
  };
  assert.equal(importedText({ ...model, verified: true }), "Coder is installed and verified.");
  for (const claimed of [{}, { claimedId: "coder" }]) {
    const said = importedText({ ...model, ...claimed });
    assert.match(said, /^Coder is installed as imported-coder\. /);
    assert.match(said, /claimed, not verified\.$/);
    assert.doesNotMatch(said, /installed and verified/);
  }
  assert.match(importedText({ ...model, claimedId: "coder" }), /It came as coder/);
  const base = importedText({ ...model, notForEdits: "It is a base model." });
  assert.match(base, /claimed, not verified\. It is a base model\.$/);
});
