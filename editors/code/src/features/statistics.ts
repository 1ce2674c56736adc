/**
 * *Edit Statistics*: a page that shows what `localcoder stats` reports, read again with each call
 * and on *Refresh*, and *Delete*, which asks first. The page has no script of ours, and can load
 * nothing but its style.
 */
import * as vscode from "vscode";

import { deleteStatistics, editStatistics } from "../host/statistics";
import * as l10n from "../lib/l10n";
import { statisticsBody } from "../lib/statistics";

import type { Notifier } from "./notify";
import { pageHtml } from "./page";

/** The page's view type; its title menu in package.json refers to it. */
const VIEW_TYPE = "localcoder.statistics";

/** Registers the commands. `program`: the path of `localcoder`, if known. */
export function registerStatistics(
  extension: vscode.Uri,
  program: string | undefined,
  notifier: Notifier,
): vscode.Disposable {
  let page: vscode.WebviewPanel | undefined;
  const look = async (): Promise<void> => {
    const statistics = await editStatistics(program);
    page ??= open(extension, () => {
      page = undefined;
    });
    page.webview.html = pageHtml(extension, page.webview, {
      title: l10n.t("Edit Statistics"),
      style: "statistics.css",
      body: statisticsBody(statistics, new Date().toLocaleTimeString()),
    });
    page.reveal();
  };
  const show = (): Promise<void> => notifier.guarded(look);
  const remove = (): Promise<void> =>
    notifier.guarded(async () => {
      if (await isWanted()) {
        await deleteStatistics(program);
        await look();
      }
    });
  return vscode.Disposable.from(
    vscode.commands.registerCommand("localcoder.showStatistics", show),
    vscode.commands.registerCommand("localcoder.refreshStatistics", show),
    vscode.commands.registerCommand("localcoder.deleteStatistics", remove),
    new vscode.Disposable(() => {
      page?.dispose();
    }),
  );
}

async function isWanted(): Promise<boolean> {
  const button = l10n.t("Delete");
  const detail = l10n.t(
    "What was counted of earlier edits is gone then. Nothing else is touched, and counting goes on.",
  );
  const asked = l10n.t("Delete the edit statistics?");
  return (
    (await vscode.window.showWarningMessage(asked, { modal: true, detail }, button)) === button
  );
}

function open(extension: vscode.Uri, closed: () => void): vscode.WebviewPanel {
  const column = vscode.ViewColumn.Active;
  const page = vscode.window.createWebviewPanel(VIEW_TYPE, l10n.t("Edit Statistics"), column, {
    // The editor's own script in the frame passes keys on, which WebKit allows only if scripts are
    // enabled; the page's policy allows no script of its own.
    enableScripts: true,
    enableFindWidget: true,
    localResourceRoots: [vscode.Uri.joinPath(extension, "media")],
  });
  page.onDidDispose(closed);
  return page;
}
