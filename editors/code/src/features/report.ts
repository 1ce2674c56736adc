/**
 * *Create Report*: the program writes a report into the home folder, where users will find it, and
 * the editor opens it. Nothing is sent.
 */
import { homedir } from "node:os";

import * as vscode from "vscode";

import { createReport } from "../host/report";
import * as l10n from "../lib/l10n";
import { buttonsFor } from "../lib/words";

import type { Notifier } from "./notify";

/** Registers the command. `program`: the path of `localcoder`, if known. */
export function registerReport(program: string | undefined, notifier: Notifier): vscode.Disposable {
  return vscode.commands.registerCommand("localcoder.createReport", () =>
    notifier.guarded(async () => {
      const title = l10n.t("LocalCoder: checking everything for the report");
      const path = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title },
        () => createReport(program, homedir()),
      );
      const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
      await vscode.window.showTextDocument(document, { preview: false });
      const said = l10n.t(
        "The report is {0}. Nothing was sent: read it before you share it.",
        path,
      );
      void vscode.window.showInformationMessage(said, ...buttonsFor(said));
    }),
  );
}
