/** Writes the changes of an edit that the user kept: all of them in one undo step, or none. */
import * as vscode from "vscode";

import type { EditAnswer } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import * as changes from "../lib/changes";
import type { Change, Decision } from "../lib/changes";
import * as l10n from "../lib/l10n";
import { baseName, lineLabel } from "../lib/lines";
import { buttonsFor } from "../lib/words";

import {
  isWanted,
  isWantedBroken,
  planEdit,
  revealLine,
  savePlan,
  takeBack,
  writePlan,
} from "./apply";
import type { Plan } from "./apply";
import { DiagnosticsWatch } from "./diagnostics";
import { openAgain } from "./disk";
import type { Notifier } from "./notify";
import { changedMeanwhile } from "./preview";
import type { Outcome, Preview } from "./preview";
import { documentName } from "./target";

/** What the diff has to do while the edit is written. */
export interface Steps {
  /** We are about to change the document: the diff need not follow it. */
  readonly begin: () => void;
  /** Nothing was changed after all. */
  readonly failed: () => void;
  readonly close: () => Promise<void>;
}

/** Returns what was written, `undefined` if nothing is kept, or `false` if the user declined. */
export async function writeKept(
  host: HostConnection,
  notifier: Notifier,
  preview: Preview,
  answer: EditAnswer,
  all: readonly Change[],
  steps: Steps,
): Promise<Pick<Outcome, "written"> | false> {
  await preview.file?.settled();
  const [first, ...others] = changes.kept(all);
  const lost = changes.lost(all);
  if (first === undefined && lost > 0) {
    throw changedMeanwhile(await openAgain(preview.source));
  }
  if (first === undefined) {
    await steps.close();
    return {};
  }
  const { all: count, kept } = changes.counts(all);
  const planned = (): Promise<Plan> =>
    planEdit(host, preview.source, [first, ...others], kept < count);
  let plan = await planned();
  const { document, syntaxError } = plan;
  const isRefused =
    (answer.sensitive !== undefined && !(await isWanted(document, answer.sensitive))) ||
    (syntaxError !== undefined && !(await isWantedBroken(document, syntaxError)));
  if (isRefused) {
    return false;
  }
  if (answer.sensitive !== undefined || syntaxError !== undefined) {
    // The file may have been moved while the user was asked.
    await preview.file?.settled();
    plan = await planned();
  }
  const watch = new DiagnosticsWatch(plan.document);
  const before = plan.document.getText();
  steps.begin();
  try {
    await writePlan(plan);
  } catch (error) {
    steps.failed();
    throw error;
  }
  await savePlan(plan);
  // Reveal the document before the diff closes: a file that is open only in the diff would lose its
  // undo history.
  await revealLine(plan.document, plan.placed[0].range, preview.column);
  await steps.close();
  const after = plan.document.getText();
  watch.reportAdded(() => {
    void notifier.guarded(() => takeBack(plan.document.uri, before, after));
  });
  if (lost > 0) {
    const said = l10n.t(
      "{0} of {1} changes could not be kept: the lines of {2} that they replace were changed.",
      lost,
      count,
      documentName(plan.document),
    );
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
  return { written: { uri: plan.document.uri, before, after } };
}

/** Words for the decision on one change, and what is left to decide. */
export function decidedText(all: readonly Change[], decision: Decision): string {
  const left = all.filter((it) => !it.isImport && it.decision === "open").length;
  return decision === "kept"
    ? l10n.t("Change kept, {0} left to decide", left)
    : l10n.t("Change dropped, {0} left to decide", left);
}

/** Words for the outcome of an edit on which everything is decided. */
export function settledText({ source, range }: Preview, all: readonly Change[]): string {
  const { all: count, kept } = changes.counts(all);
  const name = baseName(source.path);
  if (kept === 0) {
    return l10n.t("Nothing kept: {0} is as it was", name);
  }
  return kept === count
    ? l10n.t("Improved {0} of {1}", lineLabel(range), name)
    : l10n.t("Kept {0} of {1} changes in {2}", kept, count, name);
}
