/**
 * Has the host read the selected code before a command is called on it, so that the command can
 * begin to write at once. Only reports the selection; whether and how it is read is decided in the
 * host, which gives priority to everything else. Neither progress nor failures are shown.
 */
import * as vscode from "vscode";

import { DOCUMENT_BYTES_MAX } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { Settler } from "../lib/settler";

import { currentPlace, documentText, PREVIEW_SCHEME } from "./target";

export function registerPrepare(host: HostConnection): vscode.Disposable {
  const settler = new Settler(async (signal) => {
    await prepare(host, signal);
  });
  const changed = (): void => {
    settler.change(hasSelection());
  };
  return vscode.Disposable.from(
    vscode.window.onDidChangeTextEditorSelection(changed),
    vscode.window.onDidChangeActiveTextEditor(changed),
    settler,
  );
}

function hasSelection(): boolean {
  const editor = vscode.window.activeTextEditor;
  return (
    editor !== undefined &&
    editor.document.uri.scheme !== PREVIEW_SCHEME &&
    !editor.selection.isEmpty
  );
}

async function prepare(host: HostConnection, signal: AbortSignal): Promise<void> {
  // The host would refuse; this saves the message.
  if (host.status?.engine.state !== "ready" || !hasSelection()) {
    return;
  }
  const { editor, lines } = currentPlace();
  const { document } = editor;
  // A UTF-16 code unit takes at most three bytes in UTF-8: a longer document can't be worth
  // sending.
  if (document.getText().length * 3 <= DOCUMENT_BYTES_MAX) {
    await host.ask("prepare", { document: documentText(document), selection: lines }, { signal });
  }
}
