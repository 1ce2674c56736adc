/**
 * *Reset…*: asks how much to remove, shows what goes and what stays, and has the program do it,
 * which closes the editor.
 */
import * as vscode from "vscode";

import { removalLog, removalOf, startRemoval } from "../host/removal";
import type { RemovalCommand } from "../host/removal";
import * as l10n from "../lib/l10n";
import { removalText } from "../lib/removal";

import type { Notifier } from "./notify";

interface Choice extends vscode.QuickPickItem {
  readonly command: RemovalCommand;
}

const CHOICES: readonly Choice[] = [
  {
    label: l10n.t("Reset"),
    detail: l10n.t("Settings, the editor's data, caches and logs go; installed models stay."),
    command: ["reset"],
  },
  {
    label: l10n.t("Reset and Remove Models"),
    detail: l10n.t("Installed models go as well."),
    command: ["reset", "--models"],
  },
  {
    label: l10n.t("Uninstall"),
    detail: l10n.t("All that LocalCoder has written goes. Its programs are removed as they came."),
    command: ["uninstall"],
  },
];

/** Registers the command. `program`: the path of `localcoder`, if known. */
export function registerReset(program: string | undefined, notifier: Notifier): vscode.Disposable {
  return vscode.commands.registerCommand("localcoder.reset", () =>
    notifier.guarded(async () => {
      const options = {
        title: l10n.t("Reset LocalCoder"),
        placeHolder: l10n.t("How much is to be removed? The list is shown before anything is."),
      };
      const chosen = await vscode.window.showQuickPick(CHOICES, options);
      if (chosen === undefined) {
        return;
      }
      const removal = await removalOf(program, chosen.command);
      if (removal.goes.length === 0) {
        void vscode.window.showInformationMessage(l10n.t("There is nothing to remove."));
        return;
      }
      const unsaved = vscode.workspace.textDocuments.filter((document) => document.isDirty).length;
      const log = removalLog();
      const button = l10n.t("Remove and Close");
      const pressed = await vscode.window.showWarningMessage(
        l10n.t("Remove this from the machine?"),
        {
          modal: true,
          detail: `${removalText(removal, unsaved)} ${l10n.t("What came of it will be in {0}.", log)}`,
        },
        button,
      );
      if (pressed === button) {
        startRemoval(program, chosen.command, log);
      }
    }),
  );
}
