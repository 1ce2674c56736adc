/**
 * Where documents are stored: whether the file still exists, whether it may be written, and what
 * saving would do to bytes that were not edited. Checked before an edit is applied, because the
 * editor lets an extension change what its user may not. Changes nothing.
 */
import { constants, promises as disk } from "node:fs";

import * as vscode from "vscode";

import { damageOf } from "../lib/bytes";
import type { Damage } from "../lib/bytes";
import { HostError, toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { baseName } from "../lib/lines";

/** The scheme of the cells of a notebook, which have no file of their own. */
export const CELL_SCHEME = "vscode-notebook-cell";

/** The bits of a file's mode with which anyone may write it. */
const WRITE_BITS = 0o222;

/** What is written when a document is saved: its own file, or the notebook that it is a cell of. */
export interface Keeper {
  readonly uri: vscode.Uri;
  readonly isDirty: boolean;
  readonly isUntitled: boolean;
  save(): Thenable<boolean>;
}

/** Returns what is written when the document is saved. */
export function keeperOf(document: vscode.TextDocument): Keeper {
  return notebookOf(document) ?? document;
}

/** The notebook that contains this cell. */
export function notebookOf(document: vscode.TextDocument): vscode.NotebookDocument | undefined {
  return vscode.workspace.notebookDocuments.find((notebook) =>
    notebook.getCells().some((cell) => cell.document === document),
  );
}

/** The document as it is now; throws if it no longer exists, rather than create it. */
export async function openAgain(uri: vscode.Uri): Promise<vscode.TextDocument> {
  const open = vscode.workspace.textDocuments.find((it) => it.uri.toString() === uri.toString());
  if (open === undefined && [CELL_SCHEME, "untitled"].includes(uri.scheme)) {
    throw gone(
      uri,
      l10n.t("it was closed"),
      l10n.t("Nothing was written. Open it and ask once more."),
    );
  }
  const document = open ?? (await opened(uri));
  const keeper = keeperOf(document);
  // A document with unsaved changes exists in the editor even without its file, and we don't save
  // it.
  if (!keeper.isDirty && !keeper.isUntitled && (await isMissing(keeper.uri))) {
    throw missing(uri);
  }
  return document;
}

async function opened(uri: vscode.Uri): Promise<vscode.TextDocument> {
  try {
    return await vscode.workspace.openTextDocument(uri);
  } catch (error) {
    if (await isMissing(uri)) {
      throw missing(uri);
    }
    const next = l10n.t("Nothing was written. See whether the editor opens it.");
    throw gone(uri, toErrorInfo(error).message, next);
  }
}

/** Throws if the document is read-only, by a setting or on disk. */
export async function refuseReadOnly(document: vscode.TextDocument): Promise<void> {
  const keeper = keeperOf(document);
  const refuse = (why: string, next: string): never => {
    throw new HostError({
      code: "fileAccess",
      message: l10n.t("`{0}` is read-only", baseName(keeper.uri.path)),
      cause: why,
      hint: next,
    });
  };
  if (vscode.workspace.fs.isWritableFileSystem(keeper.uri.scheme) === false) {
    refuse(
      l10n.t("nothing can be written where it is kept"),
      l10n.t("Nothing was written. Save it as another file, then apply again."),
    );
  }
  if (isReadOnlyBySetting(document)) {
    refuse(
      l10n.t("the setting files.readonlyInclude says so"),
      l10n.t("Nothing was written. Change that setting, then apply again."),
    );
  }
  if (!keeper.isDirty && keeper.uri.scheme === "file" && !(await isWritable(keeper.uri.fsPath))) {
    refuse(
      l10n.t("its permissions don't let it be written"),
      l10n.t("Nothing was written. Make the file writable, then apply again."),
    );
  }
}

/**
 * What saving the document would do to its file. Only asked of documents without unsaved changes.
 */
export async function damageBySaving(document: vscode.TextDocument): Promise<Damage> {
  // A notebook is not text: only the editor can compare its cells.
  if (notebookOf(document) !== undefined) {
    return "none";
  }
  const { encoding, uri } = document;
  try {
    const bytes = await vscode.workspace.fs.readFile(uri);
    const read = await vscode.workspace.decode(bytes, { encoding });
    const written = await vscode.workspace.encode(read, { encoding });
    return damageOf({ bytes, read, written, text: document.getText() });
  } catch (error) {
    throw new HostError({
      code: "fileAccess",
      message: l10n.t("`{0}` can't be compared with what the editor shows", baseName(uri.path)),
      cause: toErrorInfo(error).message,
      hint: l10n.t("Nothing was written. See whether the editor opens the file, then apply again."),
    });
  }
}

/** Decides as the editor itself does, including folders that patterns are relative to. */
function isReadOnlyBySetting(document: vscode.TextDocument): boolean {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const files = vscode.workspace.getConfiguration("files", document.uri);
  const isNamedBy = (setting: string): boolean => {
    const patterns = Object.entries(files.get<Record<string, unknown>>(setting) ?? {});
    return patterns
      .filter(([, isOn]) => isOn === true)
      .flatMap(([glob]) => [glob, ...folders.map((it) => new vscode.RelativePattern(it, glob))])
      .some((pattern) => vscode.languages.match({ pattern }, document) > 0);
  };
  return isNamedBy("readonlyInclude") && !isNamedBy("readonlyExclude");
}

async function isMissing(uri: vscode.Uri): Promise<boolean> {
  if (vscode.workspace.fs.isWritableFileSystem(uri.scheme) === undefined) {
    return false;
  }
  try {
    await vscode.workspace.fs.stat(uri);
    return false;
  } catch (error) {
    return error instanceof vscode.FileSystemError && error.code === "FileNotFound";
  }
}

/**
 * The superuser may write any file, so permission bits count too: a file without any write
 * permission is not meant to be written.
 */
async function isWritable(path: string): Promise<boolean> {
  try {
    await disk.access(path, constants.W_OK);
    return ((await disk.stat(path)).mode & WRITE_BITS) !== 0;
  } catch {
    return false;
  }
}

function missing(uri: vscode.Uri): HostError {
  return gone(
    uri,
    l10n.t("it was deleted, or moved by another program"),
    l10n.t("Nothing was written. Put the file back and try again."),
  );
}

/**
 * Puts the name in backticks, as the host does: a sentence that begins with one is not capitalized.
 */
function gone(uri: vscode.Uri, cause: string, hint: string): HostError {
  return new HostError({
    code: "fileNotFound",
    message: l10n.t("`{0}` is no longer there", baseName(uri.path)),
    cause,
    hint,
  });
}
