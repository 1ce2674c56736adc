/**
 * Asks the host where edits belong in a document as it is now, and puts them there: all that belong
 * together, or none. Nothing is written unless the text to be replaced stands at that place.
 */
import * as vscode from "vscode";

import type { Edit, EditAnswer, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { lineLabel, originalStandsAt } from "../lib/lines";
import type { Placed } from "../lib/lines";

import { documentName, documentText } from "./target";

/** How often a document may change under our hands before we give up. */
const ATTEMPTS_MAX = 5;

/** Of an answer, what it changes. */
type Edited = Pick<EditAnswer, "edit" | "imports">;

/** An answer's edit, with what it needs elsewhere in the document. The first is the edit itself. */
function editsOf(answer: Edited): readonly [Edit, ...Edit[]] {
  return answer.imports === undefined ? [answer.edit] : [answer.edit, answer.imports];
}

/** The edits with the lines that they replace in the document as it is when this returns. */
export async function locateEdits(
  host: HostConnection,
  document: vscode.TextDocument,
  answer: Edited,
): Promise<readonly [Placed, ...Placed[]]> {
  const [first, ...others] = editsOf(answer);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const asked = documentText(document);
    const place = async (edit: Edit): Promise<Placed> => {
      const { range } = await host.request("locateEdit", { document: asked, edit });
      return { edit, range };
    };
    const placed = [await place(first), ...(await Promise.all(others.map(place)))] as const;
    const now = document.getText();
    if (now === asked.text) {
      if (placed.every(({ edit, range }) => originalStandsAt(now, range, edit))) {
        return [placed[0], ...placed.slice(1)];
      }
      break;
    }
  }
  throw changed(document, first);
}

/** Lines, and what is to stand there. */
export interface Written {
  readonly range: LineRange;
  readonly text: string;
}

/** Replaces exactly those lines in one step of undo. */
export async function writeLines(
  document: vscode.TextDocument,
  written: readonly Written[],
): Promise<void> {
  const change = new vscode.WorkspaceEdit();
  for (const { range, text } of written) {
    const lastLine = document.lineAt(range.end - 1);
    const lines = new vscode.Range(range.start - 1, 0, range.end - 1, lastLine.text.length);
    change.replace(document.uri, lines, text);
  }
  // The editor refuses where the document changed since this call.
  if (!(await vscode.workspace.applyEdit(change))) {
    throw new HostError({
      code: "fileAccess",
      message: l10n.t("the editor did not accept the change to {0}", documentName(document)),
      hint: l10n.t("The document may be read-only or was changed meanwhile. Nothing was written."),
    });
  }
}

function changed(document: vscode.TextDocument, edit: Edit): HostError {
  return new HostError({
    code: "documentChanged",
    message: l10n.t(
      "{0} of {1} were changed meanwhile",
      lineLabel(edit.range),
      documentName(document),
    ),
    hint: l10n.t("Nothing was written. Select the code and improve it again."),
  });
}
