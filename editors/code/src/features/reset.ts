/**
 * *Reset…*: asks how much is to be removed, shows what goes and what stays, and has the program do it, which
 * closes the editor.
 */
import * as vscode from "vscode";

import { removalLog, removalOf, startRemoval } from "../host/removal";
import type { RemovalCommand } from "../host/removal";
import { removalText } from "../lib/removal";

import type { Notifier } from "./notify";

interface Choice extends vscode.QuickPickItem {
  readonly command: RemovalCommand;
}

const CHOICES: readonly Choice[] = [
  {
    label: "Reset",
    detail: "Settings, the editor's data, caches and logs go; installed models stay.",
    command: ["reset"],
  },
  {
    label: "Reset and Remove Models",
    detail: "Installed models go as well.",
    command: ["reset", "--models"],
  },
  {
    label: "Uninstall",
    detail: "All that LocalCoder has written goes. Its programs are removed as they came.",
    command: ["uninstall"],
  },
];

/** Adds the command. `program`: the path of `localcoder`, where it is known. */
export function registerReset(program: string | undefined, notifier: Notifier): vscode.Disposable {
  return vscode.commands.registerCommand("localcoder.reset", () =>
    notifier.guarded(async () => {
      const options = {
        title: "Reset LocalCoder",
        placeHolder: "How much is to be removed? The list is shown before anything is.",
      };
      const chosen = await vscode.window.showQuickPick(CHOICES, options);
      if (chosen === undefined) {
        return;
      }
      const removal = await removalOf(program, chosen.command);
      if (removal.goes.length === 0) {
        void vscode.window.showInformationMessage("There is nothing to remove.");
        return;
      }
      const unsaved = vscode.workspace.textDocuments.filter((document) => document.isDirty).length;
      const log = removalLog();
      const button = "Remove and Close";
      const pressed = await vscode.window.showWarningMessage(
        "Remove this from the machine?",
        {
          modal: true,
          detail: `${removalText(removal, unsaved)} What came of it will stand in ${log}.`,
        },
        button,
      );
      if (pressed === button) {
        startRemoval(program, chosen.command, log);
      }
    }),
  );
}
