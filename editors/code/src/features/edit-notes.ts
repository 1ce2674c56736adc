/**
 * What is shown of an edit besides its text: doubts about it, test results, and what the model was
 * not given.
 */
import * as vscode from "vscode";

import type { EditAnswer, TestKind } from "../generated/protocol";
import { contextText, omittedText } from "../lib/answer";
import * as l10n from "../lib/l10n";
import { buttonsFor, plain } from "../lib/words";

/** How long the note on what the model was and was not given stays, in milliseconds. */
const CONTEXT_SHOWN_MS = 15_000;

/** Says that an answer may well be wrong; `undefined` if there is no doubt. */
export function doubtText({ unsure, model }: EditAnswer): string | undefined {
  return unsure === undefined
    ? undefined
    : l10n.t("{0} is not sure of this change: {1}. Read it closely.", model.name, plain(unsure));
}

const PASSED: Readonly<Record<TestKind, (name: string) => string>> = {
  build: (name) => l10n.t("It compiles ({0}).", name),
  calls: (name) => l10n.t("Same results as before in {0}.", name),
  test: (name) => l10n.t("Tested: {0} passes with it.", name),
};

/** Shows the warnings and notes that come with an answer. */
export function showWarnings(answer: EditAnswer): void {
  if (answer.warnings.length > 0) {
    const said = `${answer.model.name}: ${answer.warnings.join(" ")}`;
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
  const passed =
    answer.test?.outcome === "passed" ? [PASSED[answer.test.kind](answer.test.name)] : [];
  const notes = [...answer.notes.map(plain), ...passed];
  if (notes.length > 0) {
    const said = notes.join(" ");
    void vscode.window.showInformationMessage(said, ...buttonsFor(said));
  }
  const given = omittedText(answer.context) ?? contextText(answer.context);
  vscode.window.setStatusBarMessage(`$(info) ${given}`, CONTEXT_SHOWN_MS);
}
