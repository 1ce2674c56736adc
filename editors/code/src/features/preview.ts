/** One pending edit: what is known of it, and where it is in its document. */
import * as vscode from "vscode";

import type { CommandEntry, EditAnswer, LineRange, PendingEdit } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import * as changes from "../lib/changes";
import type { Change, Shown } from "../lib/changes";
import { COMMAND_WORDS } from "../lib/commands";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { lineLabel } from "../lib/lines";
import { buttonsFor } from "../lib/words";

import { openAgain } from "./disk";
import { placesOf } from "./locate";
import type { FollowedFile } from "./moves";
import { showDiff } from "./preview-tabs";
import { documentName } from "./target";
import { instructionsOf } from "./wish";
import type { Wish } from "./wish";

/** A request, and the edit that answered it. */
export interface Version {
  readonly entry: CommandEntry;
  readonly wish: Wish;
  readonly answer: EditAnswer;
}

/** A pending edit, as far as other features need to know it to change it. */
export interface Waiting {
  readonly version: Version;
  readonly document: vscode.TextDocument;
  /** The lines of the document that the edit replaces. */
  readonly range: LineRange;
  readonly pending: PendingEdit;
}

/** The user's decision on an edit. */
export interface Outcome {
  readonly answer: EditAnswer;
  readonly all: number;
  readonly kept: number;
  /**
   * If another edit of the same lines replaced it: whether that one was a retry or followed a new
   * instruction.
   */
  readonly again?: "retried" | "followedUp" | undefined;
  /** If something was kept: the document, and its text before and after. */
  readonly written?: { readonly uri: vscode.Uri; readonly before: string; readonly after: string };
}

/** An edit that is being shown. */
export interface Preview {
  readonly entry: CommandEntry;
  readonly column: vscode.ViewColumn | undefined;
  /**
   * The earlier versions and, last, the one that is shown; empty while the first is being written.
   */
  versions: readonly Version[];
  changes: readonly Change[];
  shown: readonly Shown[];
  source: vscode.Uri;
  uri: vscode.Uri;
  text: string;
  /** The lines of the document as they were when the edit was requested. */
  range: LineRange;
  /** A note next to the text while it is being written. */
  note: string | undefined;
  isStale: boolean;
  timer?: NodeJS.Timeout | undefined;
  file?: FollowedFile;
}

/** A preview that nothing is written of yet. */
export function newPreview(
  entry: CommandEntry,
  source: vscode.Uri,
  uri: vscode.Uri,
  range: LineRange,
): Preview {
  return {
    entry,
    range,
    column: vscode.window.activeTextEditor?.viewColumn,
    versions: [],
    changes: [],
    shown: [],
    source,
    uri,
    text: "",
    note: undefined,
    isStale: false,
  };
}

/** Finds the places of changes, and what the document would be with them. */
export async function place(
  host: HostConnection,
  preview: Preview,
  document: vscode.TextDocument,
  wanted: readonly Change[],
): Promise<void> {
  const [first, ...others] = wanted.map(({ edit }) => edit);
  if (first !== undefined) {
    const { text, places } = await placesOf(host, document, [first, ...others]);
    preview.changes = changes.placedAt(wanted, places);
    Object.assign(preview, changes.proposed(text, preview.changes));
  }
}

/** The range of an edit now; throws if none of its changes has a place any more. */
export function rangeNow(
  preview: Preview,
  document: vscode.TextDocument,
  { answer }: Version,
): LineRange {
  const range = changes.rangeNow(answer.edit, preview.changes);
  if (range === undefined) {
    throw changedMeanwhile(document);
  }
  return range;
}

/** The error for an edit when none of its changes fits any more. */
export function changedMeanwhile(document: vscode.TextDocument): HostError {
  return new HostError({
    code: "documentChanged",
    message: l10n.t(
      "the lines of {0} that this edit replaces were changed meanwhile",
      documentName(document),
    ),
    hint: l10n.t("Nothing was written. Undo that change, or ask once more."),
  });
}

/** Whether the pending edit answers a different request than `wish`. */
export function isOfAnother({ versions }: Preview, { pending, variation, profile }: Wish): boolean {
  const changesIt = [pending, variation, profile].some((it) => it !== undefined);
  return versions.length > 0 && !changesIt;
}

/** How the replacement of a pending edit was requested; `undefined` if it is for other lines. */
export function askedAgain({ entry, range }: Preview, by: Version): Outcome["again"] {
  const { start, end } = by.answer.edit.range;
  if (start > range.end || end < range.start) {
    return undefined;
  }
  return by.wish.instruction === undefined && by.entry.command === entry.command
    ? "retried"
    : "followedUp";
}

/** What others need to change the pending edit; `undefined` while it is being written. */
export async function waitingOf(
  host: HostConnection,
  preview: Preview,
): Promise<Waiting | undefined> {
  const version = preview.versions.at(-1);
  if (version === undefined || preview.note !== undefined) {
    return undefined;
  }
  const { answer, wish } = version;
  const document = await openAgain(preview.source);
  const edit = changes.edited(answer, preview.changes);
  const { places } = await placesOf(host, document, [edit]);
  const isBrought = preview.changes.some((it) => it.isImport && it.decision !== "dropped");
  const imports = answer.imports !== undefined && isBrought ? { imports: answer.imports } : {};
  const pending = { edit, ...imports, instructions: instructionsOf(wish) };
  return { version, document, range: places[0]?.range ?? edit.range, pending };
}

/** The first undecided change, for use when the cursor is not in any. */
export function firstOpen({ changes: all, shown }: Preview): readonly number[] {
  const first = shown.find(({ index }) => all[index]?.decision === "open");
  return first === undefined ? [] : [first.index];
}

/** Opens the diff. */
export async function show(
  preview: Preview,
  document: vscode.TextDocument,
  options: vscode.TextDocumentShowOptions,
): Promise<void> {
  const { diff } = COMMAND_WORDS[preview.entry.id];
  const title = diff(documentName(document), lineLabel(preview.range));
  await showDiff(document, preview.uri, title, options);
}

/** Moves the cursor of the diff to a change, or to these lines. */
export function reveal(preview: Preview, index: number | undefined, lines?: LineRange): void {
  const editor = vscode.window.visibleTextEditors.find(
    ({ document }) => document.uri.toString() === preview.uri.toString(),
  );
  const range = lines ?? preview.shown.find((it) => it.index === index)?.range;
  if (editor !== undefined && range !== undefined) {
    const at = new vscode.Position(range.start - 1, 0);
    editor.selection = new vscode.Selection(at, at);
    const type = vscode.TextEditorRevealType.InCenterIfOutsideViewport;
    editor.revealRange(new vscode.Range(at, at), type);
  }
}

/** Warns once that lines which the edit replaces were changed. */
export function tellLost(preview: Preview, document: vscode.TextDocument): void {
  const all = preview.changes.length;
  const lost = preview.changes.filter(({ range }) => range === undefined).length;
  if (lost > 0 && !preview.isStale) {
    const name = documentName(document);
    const said =
      lost === all
        ? l10n.t(
            "The code that this improvement replaces in {0} was changed. It can only be applied if that is undone.",
            name,
          )
        : l10n.t(
            "The code that {0} of {1} changes replace in {2} was changed. They can only be kept if that is undone; the others can be.",
            lost,
            all,
            name,
          );
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
  preview.isStale = lost > 0;
}

/** Sets which keys are active: focus may be in either half of the diff. */
export function setKeys(isActive: boolean, preview: Preview | undefined): void {
  const set = (name: string, value: boolean): void => {
    void vscode.commands.executeCommand("setContext", `localcoder.${name}`, value);
  };
  const versions = preview?.versions.length ?? 0;
  set("previewActive", isActive);
  set("previewWaits", versions > 0 && preview?.note === undefined);
  set("previewHasEarlier", versions > 1);
}
