/**
 * Asks the host where edits belong in a document as it is now, and puts them there: all the edits
 * that belong together, or none. Nothing is written unless the text to be replaced is at that
 * place.
 */
import * as vscode from "vscode";

import type { Edit, EditPlace, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { lineLabel, originalStandsAt } from "../lib/lines";
import type { Placed } from "../lib/lines";

import { documentName, documentText } from "./target";

/** How often a document may change while we work on it before we give up. */
const ATTEMPTS_MAX = 5;

/** A document's text, and the places of edits in it. */
interface Located {
  readonly text: string;
  readonly places: readonly EditPlace[];
  /** The syntax error with all of the edits applied; only if the request asks for it. */
  readonly syntaxError?: string | undefined;
}

/** For each edit, its place in the document as it is when this returns, or why it has none. */
export async function placesOf(
  host: HostConnection,
  document: vscode.TextDocument,
  edits: readonly [Edit, ...Edit[]],
  checkSyntax = false,
): Promise<Located> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const asked = documentText(document);
    const params = { document: asked, edits: [...edits], checkSyntax };
    const { places, syntaxError } = await host.request("locateEdits", params);
    const now = document.getText();
    // If the document changed while the host searched, the places are outdated: ask again.
    if (now === asked.text) {
      const stands = ({ range }: EditPlace, index: number): boolean => {
        const edit = edits[index];
        return range === undefined || (edit !== undefined && originalStandsAt(now, range, edit));
      };
      if (places.length === edits.length && places.every(stands)) {
        return { text: now, places, syntaxError };
      }
      break;
    }
  }
  throw changed(document, edits[0]);
}

/** Edits with the lines that they replace, applied together. */
export interface Together {
  readonly placed: readonly [Placed, ...Placed[]];
  readonly syntaxError?: string | undefined;
}

/** Places all of the edits, or throws. */
export async function locateEdits(
  host: HostConnection,
  document: vscode.TextDocument,
  edits: readonly [Edit, ...Edit[]],
  checkSyntax = false,
): Promise<Together> {
  const { places, syntaxError } = await placesOf(host, document, edits, checkSyntax);
  const placed = edits.map((edit, index): Placed => {
    const { range, error } = places[index] ?? {};
    if (range === undefined) {
      throw error === undefined ? changed(document, edit) : new HostError(error);
    }
    return { edit, range };
  });
  const [first, ...others] = placed;
  if (first === undefined) {
    throw changed(document, edits[0]);
  }
  return { placed: [first, ...others], syntaxError };
}

/** Lines, and the text that replaces them. */
export interface Written {
  readonly range: LineRange;
  readonly text: string;
}

/** Replaces exactly those lines in one undo step. */
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
  // The editor rejects the change if the document has changed since this call.
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
