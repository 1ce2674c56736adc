/**
 * Goes from words of an answer to the line that they are about. The host found that line when it
 * answered; if the document has changed since, it looks again, and if it finds nothing, the cursor
 * stays.
 */
import * as vscode from "vscode";

import type { Reference } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";

import { openAgain } from "./disk";
import { placesOf } from "./locate";
import { documentName } from "./target";

export async function goTo(
  host: HostConnection,
  file: vscode.Uri,
  { words, place }: Reference,
): Promise<void> {
  const document = await openAgain(file);
  const { places } = await placesOf(host, document, [place]);
  const range = places[0]?.range;
  if (range === undefined) {
    throw new HostError({
      code: "documentChanged",
      message: l10n.t(
        "the line that “{1}” is about is no longer in {0}",
        documentName(document),
        words,
      ),
      hint: l10n.t("The line was changed or is gone. Select the code and explain it again."),
    });
  }
  const line = document.lineAt(range.start - 1);
  const at = Math.max(line.text.indexOf(words), 0);
  const start = at > 0 ? at : line.firstNonWhitespaceCharacterIndex;
  const end = at > 0 ? at + words.length : line.text.length;
  const selection = new vscode.Range(line.lineNumber, start, line.lineNumber, end);
  await vscode.window.showTextDocument(document, { selection, preview: false });
}
