/**
 * What every page of ours begins with: a content security policy that lets it load its own style and,
 * where it has one, its own bundled script, and nothing else from anywhere.
 */
import { randomBytes } from "node:crypto";

import * as vscode from "vscode";

import { translation } from "../lib/l10n";
import { escaped } from "../lib/words";

/** A page. */
export interface Page {
  readonly title: string;
  /** Name of a file in `media`, which comes after the style that all pages have. */
  readonly style: string;
  /** Name of a bundle in `dist`; a page without one runs nothing. */
  readonly script?: string;
  /** HTML: what varies in it was escaped. */
  readonly body: string;
}

/** The folders that a page of ours may load from. */
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
  // What is not translated is English, whatever the editor speaks.
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

/** The words for `ui/translated.ts`: data, which a policy that allows no script lets pass. */
function translationData(): string {
  const words = JSON.stringify(translation()).replaceAll("<", "\\u003c");
  return `<script id="translation" type="application/json">${words}</script>`;
}
