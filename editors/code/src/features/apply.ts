/**
 * Applies an edit: first every check that can be made without changing anything, then the change in
 * one undo step, then saving. A document that had unsaved changes is not saved, and neither is one
 * whose saving would touch bytes other than the edit's. Called by the previews.
 */
import * as vscode from "vscode";

import type { Edit, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import type { Damage } from "../lib/bytes";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { differingLines } from "../lib/lines";
import type { Placed } from "../lib/lines";
import { buttonsFor, plain } from "../lib/words";

import { damageBySaving, keeperOf, notebookOf, openAgain, refuseReadOnly } from "./disk";
import { locateEdits, writeLines } from "./locate";
import { documentName } from "./target";

/** An edit that may be written. */
export interface Plan {
  readonly document: vscode.TextDocument;
  readonly placed: readonly [Placed, ...Placed[]];
  /** Whether the document is saved afterwards, because it had no unsaved changes before. */
  readonly saves: boolean;
  readonly damage: Damage;
  /** The syntax error that the edit would cause; only if the plan was asked to check. */
  readonly syntaxError?: string | undefined;
}

/** Finds the document and the place, or says why the edit can't be applied as things are. */
export async function planEdit(
  host: HostConnection,
  source: vscode.Uri,
  edits: readonly [Edit, ...Edit[]],
  checkSyntax = false,
): Promise<Plan> {
  const document = await openAgain(source);
  await refuseReadOnly(document);
  const { isDirty, isUntitled, uri } = keeperOf(document);
  const saves = !isDirty && !isUntitled && uri.scheme === "file";
  const damage = saves ? await damageBySaving(document) : "none";
  refuseDamage(document, damage);
  const together = await locateEdits(host, document, edits, checkSyntax);
  return { document, saves, damage, ...together };
}

/** Writes the edit. If it fails, nothing was written. */
export async function writePlan({ document, placed }: Plan): Promise<void> {
  const lines = placed.map(({ edit, range }) => ({ range, text: edit.replacement }));
  await writeLines(document, lines);
}

/**
 * Asks whether to write the edit to a file that programs act on. `sensitive`: what they do with it.
 */
export async function isWanted(document: vscode.TextDocument, sensitive: string): Promise<boolean> {
  const change = l10n.t("Change It");
  // The path, because it is often the folder that makes a file sensitive.
  const path = vscode.workspace.asRelativePath(document.uri, false);
  const asked = await vscode.window.showWarningMessage(
    l10n.t("{0} is not an ordinary file: {1}.", plain(path), plain(sensitive)),
    {
      modal: true,
      detail: l10n.t("Read the change closely. Nothing is written unless you say so."),
    },
    change,
  );
  return asked === change;
}

/** Asks whether to write the edit although it does not parse. */
export async function isWantedBroken(
  document: vscode.TextDocument,
  syntaxError: string,
): Promise<boolean> {
  const keep = l10n.t("Keep It Anyway");
  const asked = await vscode.window.showWarningMessage(
    l10n.t(
      "With only these changes {0} is broken: {1}.",
      documentName(document),
      plain(syntaxError),
    ),
    {
      modal: true,
      detail: l10n.t("The changes depend on each other. Nothing is written unless you say so."),
    },
    keep,
  );
  return asked === keep;
}

/** Saves what was written, or says why it is only in the editor. */
export async function savePlan({ document, saves, damage }: Plan): Promise<void> {
  if (!saves) {
    return;
  }
  const name = documentName(document);
  if (damage === "ends") {
    const said = l10n.t(
      "The improvement is in the editor, and {0} was not saved: it has more than one kind of line ends, and saving makes them all alike. Save it if they may be, or undo.",
      name,
    );
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  } else if (!(await keeperOf(document).save())) {
    const said = l10n.t(
      "The improvement is in the editor, and {0} was not saved: the editor could not write the file. Save it once the file can be written, or undo.",
      name,
    );
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
}

/**
 * Takes back what was written, and what saving made of it (formatting, for example). `before` and
 * `after`: the whole text. The editor's own undo won't do: it takes back whatever was done last.
 */
export async function takeBack(source: vscode.Uri, before: string, after: string): Promise<void> {
  const document = await openAgain(source);
  await refuseReadOnly(document);
  if (document.getText() !== after) {
    throw new HostError({
      code: "documentChanged",
      message: l10n.t(
        "`{0}` was changed since, and the change can't be taken back alone",
        documentName(document),
      ),
      hint: l10n.t("Nothing was written. Undo in the editor, step by step."),
    });
  }
  const wasSaved = !keeperOf(document).isDirty;
  const lines = differingLines(after, before);
  await writeLines(document, [lines]);
  await revealLine(document, lines.range, undefined);
  if (wasSaved) {
    await keeperOf(document).save();
  }
}

/** Shows the first of those lines in the editor, because the diff is gone by then. */
export async function revealLine(
  document: vscode.TextDocument,
  range: LineRange,
  column: vscode.ViewColumn | undefined,
): Promise<void> {
  const where = column === undefined ? {} : { viewColumn: column };
  const notebook = notebookOf(document);
  if (notebook !== undefined) {
    const cell = notebook.getCells().findIndex((it) => it.document === document);
    const selections = [new vscode.NotebookRange(cell, cell + 1)];
    await vscode.window.showNotebookDocument(notebook, { ...where, selections });
    return;
  }
  const place = new vscode.Range(range.start - 1, 0, range.start - 1, 0);
  await vscode.window.showTextDocument(document, { ...where, preview: false, selection: place });
}

function refuseDamage(document: vscode.TextDocument, damage: Damage): void {
  const name = documentName(document);
  if (damage === "stale") {
    throw new HostError({
      code: "documentChanged",
      message: l10n.t("`{0}` was changed on the disk, and the editor does not show that yet", name),
      hint: l10n.t(
        "Nothing was written. Apply again when it does; “File: Revert File” reads the file again.",
      ),
    });
  }
  if (damage === "lossy") {
    throw new HostError({
      code: "notText",
      message: l10n.t("`{0}` has bytes that the editor can't read as {1}", name, document.encoding),
      cause: l10n.t("saving would replace them with others, also where nothing was edited"),
      hint: l10n.t(
        "Nothing was written. Choose the file's own encoding (“Change File Encoding”, “Reopen with Encoding”), then apply again.",
      ),
    });
  }
}
