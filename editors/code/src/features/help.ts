/**
 * *Show Help*: opens the pages that ship with the extension in the editor's Markdown preview, which
 * needs no network. An error's *Learn More* opens its entry.
 */
import * as vscode from "vscode";

import { ERROR_CODES } from "../generated/protocol";
import type { ErrorCode } from "../generated/protocol";
import { ERRORS_PAGE, errorAnchor, PAGES } from "../lib/help";
import * as l10n from "../lib/l10n";

/** Registers the commands. */
export function registerHelp(extension: vscode.Uri): vscode.Disposable {
  const open = async (path: string, anchor = ""): Promise<void> => {
    const page = vscode.Uri.joinPath(extension, "docs", path).with({ fragment: anchor });
    await vscode.commands.executeCommand("markdown.showPreview", page);
  };
  return vscode.Disposable.from(
    vscode.commands.registerCommand("localcoder.showHelp", async (given?: unknown) => {
      if (isErrorCode(given)) {
        await open(ERRORS_PAGE, errorAnchor(given));
        return;
      }
      const entries = PAGES.map(({ path, title, about }) => ({
        path,
        label: title,
        description: about,
      }));
      const options = {
        title: l10n.t("LocalCoder Help"),
        placeHolder: l10n.t("What do you want to read?"),
      };
      const chosen = await vscode.window.showQuickPick(entries, options);
      if (chosen !== undefined) {
        await open(chosen.path);
      }
    }),
    vscode.commands.registerCommand("localcoder.getStarted", async () => {
      await vscode.commands.executeCommand(
        "workbench.action.openWalkthrough",
        "localcoder.localcoder#start",
        false,
      );
    }),
  );
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CODES, value);
}
