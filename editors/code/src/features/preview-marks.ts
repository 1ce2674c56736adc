/**
 * What is shown next to the changes of a pending edit, and which change a button or the cursor
 * refers to.
 */
import * as vscode from "vscode";

import type { LineRange } from "../generated/protocol";
import { lineCounts } from "../lib/changes";
import type { Change, Shown } from "../lib/changes";
import * as l10n from "../lib/l10n";

import type { Mark } from "./preview-tabs";

/** The parts of an edit that its marks depend on. */
interface Marked {
  readonly changes: readonly Change[];
  readonly shown: readonly Shown[];
  readonly note: string | undefined;
}

/** Lines of the proposed text, or of the document. */
export interface ChosenLines {
  readonly range: LineRange;
  readonly isProposed: boolean;
}

/** What the editor passes to a button next to a change. */
interface Pressed {
  readonly mapping: {
    readonly modified: {
      readonly startLineNumber: number;
      readonly endLineNumberExclusive: number;
    };
  };
}

/** Each undecided change shows the keys; the first also has the summary of the edit. */
export function marksOf({ changes, shown, note }: Marked): readonly Mark[] {
  if (note !== undefined) {
    return [{ line: 1, text: note, done: false }];
  }
  const [keep, drop] = isMac() ? ["⌘Y", "⌘⌫"] : ["Ctrl+Y", "Ctrl+Backspace"];
  const open = shown.filter(({ index }) => changes[index]?.decision === "open");
  return shown.map(({ index, range }) => {
    const isKept = changes[index]?.decision === "kept";
    const text = isKept ? l10n.t("✓ kept") : l10n.t("Keep {0} · Drop {1}", keep, drop);
    const isFirst = index === open[0]?.index;
    const said = isFirst ? `${text}   ${summary(changes)}` : text;
    return { line: range.start, text: said, done: isKept };
  });
}

/** A one-line summary of an edit. */
export function summary(changes: readonly Change[]): string {
  const { added, removed } = lineCounts(changes);
  const count = changes.filter(({ decision }) => decision !== "dropped").length;
  return count === 1
    ? l10n.t("1 change: +{0} −{1} lines", added, removed)
    : l10n.t("{0} changes: +{1} −{2} lines", count, added, removed);
}

/** The lines that a button is at, or else those of the cursor in either half of the diff. */
export function chosenLines(proposed: vscode.Uri, given: unknown): ChosenLines | undefined {
  if (isPressed(given)) {
    const { startLineNumber: start, endLineNumberExclusive: behind } = given.mapping.modified;
    // A pure deletion has no lines in the proposed text, so its change has the line before.
    const range =
      behind > start ? { start, end: behind - 1 } : { start: Math.max(1, start - 1), end: start };
    return { range, isProposed: true };
  }
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return undefined;
  }
  const { start, end } = editor.selection;
  const isProposed = editor.document.uri.toString() === proposed.toString();
  return { range: { start: start.line + 1, end: end.line + 1 }, isProposed };
}

function isPressed(given: unknown): given is Pressed {
  const mapping = (given as Partial<Pressed> | undefined)?.mapping;
  return typeof mapping?.modified.startLineNumber === "number";
}

function isMac(): boolean {
  return process.platform === "darwin";
}
