/**
 * The tabs in which proposed texts are compared with their documents: opens, finds, closes and
 * marks them.
 */
import * as vscode from "vscode";

import * as l10n from "../lib/l10n";
import { buttonsFor } from "../lib/words";

import { PREVIEW_SCHEME } from "./target";

/** A note next to a line of a proposed text; lines count from 1. */
export interface Mark {
  readonly line: number;
  readonly text: string;
  /** Whether it shows a decision that was made, rather than what there is to decide. */
  readonly done: boolean;
}

/** The notes next to the lines of proposed texts. */
export class Marks implements vscode.Disposable {
  readonly #looks = {
    open: look("editorCodeLens.foreground"),
    done: look("charts.green"),
  };

  /** Replaces the marks that are shown. */
  show(uri: vscode.Uri, marks: readonly Mark[]): void {
    const editors = vscode.window.visibleTextEditors.filter(
      ({ document }) => document.uri.toString() === uri.toString(),
    );
    for (const editor of editors) {
      for (const done of [true, false]) {
        const shown = marks.filter((mark) => mark.done === done);
        const options = shown.map(({ line, text }) => {
          const at = Math.min(Math.max(line, 1), editor.document.lineCount) - 1;
          const { end } = editor.document.lineAt(at).range;
          const renderOptions = { after: { contentText: text } };
          return { range: new vscode.Range(end, end), renderOptions };
        });
        editor.setDecorations(done ? this.#looks.done : this.#looks.open, options);
      }
    }
  }

  dispose(): void {
    vscode.Disposable.from(this.#looks.open, this.#looks.done).dispose();
  }
}

/** Opens the comparison of a document with a proposed text. */
export async function showDiff(
  document: vscode.TextDocument,
  proposed: vscode.Uri,
  title: string,
  options: vscode.TextDocumentShowOptions,
): Promise<void> {
  const shown = await vscode.workspace.openTextDocument(proposed);
  if (shown.languageId !== document.languageId) {
    await vscode.languages.setTextDocumentLanguage(shown, document.languageId);
  }
  await vscode.commands.executeCommand("vscode.diff", document.uri, proposed, title, options);
}

/** All open tabs. */
export function allTabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}

/** The proposed text of a tab. */
export function previewOf(tab: vscode.Tab | undefined): vscode.Uri | undefined {
  const input = tab?.input;
  return input instanceof vscode.TabInputTextDiff && input.modified.scheme === PREVIEW_SCHEME
    ? input.modified
    : undefined;
}

/** The proposed text in the active tab. */
export function activePreview(): vscode.Uri | undefined {
  return previewOf(vscode.window.tabGroups.activeTabGroup.activeTab);
}

/** The tabs that show a proposed text. */
export function tabsOf(uri: vscode.Uri): vscode.Tab[] {
  return allTabs().filter((tab) => previewOf(tab)?.toString() === uri.toString());
}

/**
 * Closes tabs that an earlier run of the extensions left: they show nothing that could be applied.
 */
export function closeLeftovers(): void {
  const left = allTabs().filter((tab) => previewOf(tab) !== undefined);
  if (left.length > 0) {
    void vscode.window.tabGroups.close(left);
    const said = l10n.t(
      "The editor has started its extensions again, and what waited to be applied is gone. Nothing was written. Select the code and ask once more.",
    );
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
}

function look(color: string): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({
    after: { color: new vscode.ThemeColor(color), fontStyle: "italic", margin: "0 0 0 3em" },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
}
