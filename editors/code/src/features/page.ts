/**
 * The frame of every page of ours: a content security policy that lets the page load its own style
 * and, if it has one, its own bundled script, and nothing else.
 */
import { randomBytes } from "node:crypto";

import * as vscode from "vscode";

import { translation } from "../lib/l10n";
import { escaped } from "../lib/words";

/** The parts of a page. */
export interface Page {
  readonly title: string;
  /** File name of a style sheet in `media`, loaded after the one that all pages share. */
  readonly style: string;
  /** File name of a bundle in `dist`; a page without one runs no script. */
  readonly script?: string;
  /** HTML in which everything that varies is already escaped. */
  readonly body: string;
}

/** The folders that our pages may load from. */
export function pageRoots(extension: vscode.Uri): vscode.Uri[] {
  return ["media", "dist"].map((folder) => vscode.Uri.joinPath(extension, folder));
}

/** The whole page as HTML. */
export function pageHtml(
  extension: vscode.Uri,
  webview: vscode.Webview,
  { title, style, script, body }: Page,
): string {
  const nonce = randomBytes(16).toString("base64url");
  const uri = (folder: string, name: string): string =>
    escaped(webview.asWebviewUri(vscode.Uri.joinPath(extension, folder, name)).toString());
  const scripts = script === undefined ? "" : `; script-src 'nonce-${nonce}'`;
  const policy = `default-src 'none'; style-src ${webview.cspSource}${scripts}`;
  const run =
    script === undefined
      ? ""
      : `\n${translationData()}\n<script nonce="${nonce}" src="${uri("dist", script)}"></script>`;
  // Without a translation the texts are English, whatever the editor's language.
  const language = Object.keys(translation()).length === 0 ? "en" : vscode.env.language;
  return `<!DOCTYPE html>
<html lang="${escaped(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${uri("media", "page.css")}">
<link rel="stylesheet" href="${uri("media", style)}">
<title>${escaped(title)}</title>
</head>
<body>
${body}${run}
</body>
</html>`;
}

/** The translation for `ui/translated.ts`, as data: a policy that forbids scripts lets it pass. */
function translationData(): string {
  const words = JSON.stringify(translation()).replaceAll("<", "\\u003c");
  return `<script id="translation" type="application/json">${words}</script>`;
}
