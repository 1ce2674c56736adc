/**
 * The part of suggested edits that is not in the editor's published API, as far as it is used here:
 * an edit away from the cursor, shown at its place; the same key jumps to it and accepts it. The
 * manifest names the proposed API.
 */
import * as vscode from "vscode";

interface InlineEditItem extends vscode.InlineCompletionItem {
  isInlineEdit?: boolean;
  showInlineEditMenu?: boolean;
}

/** Replaces lines of the document, counted from 0 and half open. */
export function inlineEdit(
  document: vscode.TextDocument,
  lines: { readonly start: number; readonly end: number },
  text: string,
): vscode.InlineCompletionItem {
  const last = document.lineAt(lines.end - 1).range.end;
  const range = new vscode.Range(new vscode.Position(lines.start, 0), last);
  const item: InlineEditItem = new vscode.InlineCompletionItem(text, range);
  item.isInlineEdit = true;
  item.showInlineEditMenu = true;
  return item;
}
