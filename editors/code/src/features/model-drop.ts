/**
 * A model that is dropped onto the list or the page. The editor's own list of files gives a path,
 * and the model is imported from there. Other programs give content only: a page is not told where
 * it comes from, and gigabytes can't be passed through it.
 */
import * as vscode from "vscode";

import * as l10n from "../lib/l10n";
import { droppedPath } from "../lib/models";

import type { ModelActions } from "./model-actions";

/** Imports what was dropped; `uris`: addresses, one per line. */
export async function dropped(actions: ModelActions, uris: string): Promise<void> {
  const found = droppedPath(uris);
  if (found === undefined) {
    const choose = l10n.t("Import Model");
    const picked = await vscode.window.showInformationMessage(
      l10n.t(
        "A GGUF file or the folder of an exported model can be dropped here from the Explorer. A file from another program comes without its place: name it with Import Model.",
      ),
      choose,
    );
    if (picked === choose) {
      await actions.guarded(() => actions.import());
    }
    return;
  }
  await actions.guarded(() =>
    found.exported ? actions.importExported(found.path) : actions.import(found.path),
  );
}
