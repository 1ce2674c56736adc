/**
 * Opens a file with a function that can be improved, and selects it: for the first edit and the
 * walkthrough.
 */
import * as vscode from "vscode";

import type { LineRange, SetupSample } from "../generated/protocol";
import * as l10n from "../lib/l10n";
import { unixEnds } from "../lib/lines";

const MOD = process.platform === "darwin" ? "Cmd" : "Ctrl";
const ALT = process.platform === "darwin" ? "Option" : "Alt";
const HINT = l10n.t(
  "Press {0} to improve the selected function. Then {1} keeps the change, and Escape leaves the code as it was.",
  `${MOD}+${ALT}+I`,
  `${MOD}+Enter`,
);

/**
 * Opens the sample from the folder if its file is there and unchanged, or else as a new document.
 */
export async function openSample({ name, text, lines }: SetupSample): Promise<void> {
  const document =
    (await inFolders(name, (there) => unixEnds(there) === text)) ??
    (await vscode.workspace.openTextDocument({ language: "python", content: text }));
  await showLines(document, lines);
  void vscode.window.showInformationMessage(HINT, l10n.t("OK"));
}

/** The file of that name in the open folders, if it is the one that is meant. */
export async function inFolders(
  name: string,
  isMeant: (text: string) => boolean,
): Promise<vscode.TextDocument | undefined> {
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    try {
      const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(uri, name));
      if (isMeant(document.getText())) {
        return document;
      }
    } catch {
      // Most folders don't have such a file.
    }
  }
  return undefined;
}

/** Shows a document and selects lines of it. */
export async function showLines(document: vscode.TextDocument, lines: LineRange): Promise<void> {
  const editor = await vscode.window.showTextDocument(document, { preview: false });
  const end = document.lineAt(lines.end - 1).range.end;
  editor.selection = new vscode.Selection(new vscode.Position(lines.start - 1, 0), end);
  editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
