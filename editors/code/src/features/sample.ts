/** The first edit: a file with a function that can be better, selected, and how to go on. */
import * as vscode from "vscode";

import type { SetupSample } from "../generated/protocol";
import * as l10n from "../lib/l10n";

const MOD = process.platform === "darwin" ? "Cmd" : "Ctrl";
const ALT = process.platform === "darwin" ? "Option" : "Alt";
const HINT = l10n.t(
  "Press {0} to improve the selected function. Then {1} keeps the change, and Escape leaves the code as it was.",
  `${MOD}+${ALT}+I`,
  `${MOD}+Enter`,
);

/** Opens it from the folder, where it is there as it came, else as a new document. */
export async function openSample({ name, text, lines }: SetupSample): Promise<void> {
  const document =
    (await inFolder(name, text)) ??
    (await vscode.workspace.openTextDocument({ language: "python", content: text }));
  const editor = await vscode.window.showTextDocument(document, { preview: false });
  const end = document.lineAt(lines.end - 1).range.end;
  editor.selection = new vscode.Selection(new vscode.Position(lines.start - 1, 0), end);
  editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  void vscode.window.showInformationMessage(HINT, l10n.t("OK"));
}

async function inFolder(name: string, text: string): Promise<vscode.TextDocument | undefined> {
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    try {
      const uri = vscode.Uri.joinPath(folder.uri, name);
      const document = await vscode.workspace.openTextDocument(uri);
      if (document.getText().replaceAll("\r\n", "\n") === text) {
        return document;
      }
    } catch {
      // Most folders have no such file.
    }
  }
  return undefined;
}
