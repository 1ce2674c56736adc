/** A translation replaces English texts, and what it lacks stays English. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import * as l10n from "../src/lib/l10n";

afterEach(() => {
  l10n.configure(undefined);
});

test("without a translation the words are the English ones", () => {
  assert.equal(l10n.t("lines {0}–{1}", 3, 7), "lines 3–7");
  assert.equal(l10n.t({ message: "Remove {0}", args: ["it"], comment: "a button" }), "Remove it");
});

test("a translation is taken by the English words, and by the comment where there is one", () => {
  l10n.configure({
    "lines {0}–{1}": "{1} bis {0}",
    "No/a button": { message: "Nein", comment: ["a button"] },
    No: "Kein",
    empty: "",
  });
  assert.equal(l10n.t("lines {0}–{1}", 3, 7), "7 bis 3");
  assert.equal(l10n.t({ message: "No", comment: "a button" }), "Nein");
  assert.equal(l10n.t("No"), "Kein");
  for (const lacking of ["empty", "line {0}", "toString", "constructor"]) {
    assert.equal(l10n.t(lacking), lacking);
  }
});

test("braces in a value mean nothing, and a hole without a value stays", () => {
  assert.equal(l10n.t("{0} and {1}", "{1}", "$&"), "{1} and $&");
  assert.equal(l10n.t("{0} of {1}", 1), "1 of {1}");
});
