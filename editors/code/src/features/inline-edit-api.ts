/**
 * What the editor has of suggested edits beside its published interface, as far as it is used here:
 * an edit away from the cursor, shown where it belongs, jumped to and taken by the same key. The name
 * of what it takes for that stands in the manifest.
 */
import * as vscode from "vscode";

interface InlineEditItem extends vscode.InlineCompletionItem {
  isInlineEdit?: boolean;
  showInlineEditMenu?: boolean;
}

/** Lines of the document, from 0 and half open, with another text in their place. */
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
