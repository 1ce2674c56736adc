/**
 * Says that a change of `localcoder.airGapped` reaches the editor itself, its extensions and its
 * terminals only after a restart of the IDE: a running program's network can't be taken away. What
 * LocalCoder itself downloads is decided on the host's side, at once.
 */
import * as vscode from "vscode";

import { airGapNotice } from "../lib/air-gap";
import { buttonsFor } from "../lib/words";

/** `started`: how the launcher says it started the editor server, air-gapped or not. */
export function registerAirGap(started: string | undefined): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (!event.affectsConfiguration("localcoder.airGapped")) {
      return;
    }
    const wanted = vscode.workspace.getConfiguration("localcoder").get<boolean>("airGapped");
    const notice = airGapNotice(wanted === true, started);
    if (notice !== undefined) {
      void vscode.window.showInformationMessage(notice, ...buttonsFor(notice));
    }
  });
}
