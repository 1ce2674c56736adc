/**
 * Asks the host where an edit belongs in a document as it is now, and puts it there. Nothing is
 * written unless the text to be replaced stands at that place.
 */
import * as vscode from "vscode";

import type { Edit, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { HostError } from "../lib/errors";
import { lineLabel, originalStandsAt } from "../lib/lines";

import { documentName, documentText } from "./target";

/** How often a document may change under our hands before we give up. */
const ATTEMPTS_MAX = 5;

/** The lines that the edit replaces in the document as it is when this returns. */
export async function locateEdit(
  host: HostConnection,
  document: vscode.TextDocument,
  edit: Edit,
): Promise<LineRange> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const asked = documentText(document);
    const { range } = await host.request("locateEdit", { document: asked, edit });
    const now = document.getText();
    if (now === asked.text) {
      if (originalStandsAt(now, range, edit)) {
        return range;
      }
      break;
    }
  }
  throw changed(document, edit);
}

/** Replaces exactly those lines in one step of undo. */
export async function writeEdit(
  document: vscode.TextDocument,
  range: LineRange,
  edit: Edit,
): Promise<void> {
  const lastLine = document.lineAt(range.end - 1);
  const lines = new vscode.Range(range.start - 1, 0, range.end - 1, lastLine.text.length);
  const change = new vscode.WorkspaceEdit();
  change.replace(document.uri, lines, edit.replacement);
  // The editor refuses where the document changed since this call.
  if (!(await vscode.workspace.applyEdit(change))) {
    throw new HostError({
      code: "fileAccess",
      message: `the editor did not accept the change to ${documentName(document)}`,
      hint: "The document may be read-only or was changed meanwhile. Nothing was written.",
    });
  }
}

function changed(document: vscode.TextDocument, edit: Edit): HostError {
  return new HostError({
    code: "documentChanged",
    message: `${lineLabel(edit.range)} of ${documentName(document)} were changed meanwhile`,
    hint: "Nothing was written. Select the code and improve it again.",
  });
}
