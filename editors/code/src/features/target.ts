/**
 * What a command works on: the document of the active editor as it is now, saved or not, and the
 * selected lines. Tells the user if there is nothing to work on.
 */
import * as vscode from "vscode";

import { DOCUMENT_BYTES_MAX } from "../generated/protocol";
import type { DocumentText, LineRange } from "../generated/protocol";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { baseName, lineLabel, selectedLines } from "../lib/lines";

/** The URI scheme of proposed texts. */
export const PREVIEW_SCHEME = "localcoder-preview";

/** A document and the lines of it to work on. */
export interface Target {
  readonly document: vscode.TextDocument;
  readonly lines: LineRange;
}

/** The cursor's document and lines. */
export interface Place {
  readonly editor: vscode.TextEditor;
  /** The selected lines, or the cursor's line. */
  readonly lines: LineRange;
  readonly empty: boolean;
}

/** Where the cursor is; throws an error that says where to put it. */
export function currentPlace(): Place {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.uri.scheme === PREVIEW_SCHEME) {
    throw new HostError({
      code: "selectionEmpty",
      message: l10n.t("this is a proposed text: apply or discard it, then select the code"),
    });
  }
  if (editor === undefined) {
    throw new HostError({
      code: "selectionEmpty",
      message: l10n.t("open the file with the code first"),
    });
  }
  const { start, end } = editor.selection;
  const selected = selectedLines(start, end);
  const lines = selected ?? { start: start.line + 1, end: start.line + 1 };
  return { editor, lines, empty: selected === undefined };
}

/** The document as it is sent to the host. */
export function documentText(document: vscode.TextDocument): DocumentText {
  const text = document.getText();
  const bytes = Buffer.byteLength(text);
  if (bytes > DOCUMENT_BYTES_MAX) {
    throw new HostError({
      code: "documentTooLarge",
      message: l10n.t(
        "{0} has {1} bytes; at most {2} can be worked on",
        baseName(document.fileName),
        bytes,
        DOCUMENT_BYTES_MAX,
      ),
      hint: l10n.t("Move the code to a smaller file."),
    });
  }
  const path = vscode.workspace.asRelativePath(document.uri, false);
  return { path, languageId: document.languageId, text };
}

/** Such as `name.py`. */
export function documentName(document: vscode.TextDocument): string {
  return baseName(document.fileName);
}

/** Such as `name.py, lines 3–7`. */
export function targetLabel(target: Target): string {
  return `${documentName(target.document)}, ${lineLabel(target.lines)}`;
}
