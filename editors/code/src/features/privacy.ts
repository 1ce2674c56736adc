/**
 * *Show Privacy*: a page that shows what `localcoder doctor --privacy` reports, checked again with
 * each call and on *Refresh*. The page has no script of ours, and can load nothing but its style.
 */
import * as vscode from "vscode";

import { privacyReport } from "../host/privacy";
import * as l10n from "../lib/l10n";
import { privacyBody } from "../lib/privacy";

import type { Notifier } from "./notify";
import { pageHtml } from "./page";

/** The page's view type; its title menu in package.json refers to it. */
const VIEW_TYPE = "localcoder.privacy";

/** Registers the commands. `program`: the path of `localcoder`, if known. */
export function registerPrivacy(
  extension: vscode.Uri,
  program: string | undefined,
  notifier: Notifier,
): vscode.Disposable {
  let page: vscode.WebviewPanel | undefined;
  const show = (): Promise<void> =>
    notifier.guarded(async () => {
      const report = await privacyReport(program);
      page ??= open(extension, () => {
        page = undefined;
      });
      page.webview.html = pageHtml(extension, page.webview, {
        title: l10n.t("Privacy"),
        style: "privacy.css",
        body: privacyBody(report, now()),
      });
      page.reveal();
    });
  return vscode.Disposable.from(
    vscode.commands.registerCommand("localcoder.showPrivacy", show),
    vscode.commands.registerCommand("localcoder.refreshPrivacy", show),
    new vscode.Disposable(() => {
      page?.dispose();
    }),
  );
}

function open(extension: vscode.Uri, closed: () => void): vscode.WebviewPanel {
  const page = vscode.window.createWebviewPanel(
    VIEW_TYPE,
    l10n.t("Privacy"),
    vscode.ViewColumn.Active,
    {
      // The editor's own script in the frame passes keys on, which WebKit allows only if scripts
      // are enabled; the page's policy allows no script of its own.
      enableScripts: true,
      enableFindWidget: true,
      localResourceRoots: [vscode.Uri.joinPath(extension, "media")],
    },
  );
  page.onDidDispose(closed);
  return page;
}

function now(): string {
  return new Date().toLocaleTimeString();
}
