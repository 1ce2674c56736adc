/**
 * Which lines a command works on: the selected ones; without a selection, the scope around the
 * cursor; for a large selection, what the user chooses. What there is to choose from, and when to
 * ask, is up to the host.
 */
import * as vscode from "vscode";

import { SCOPE_LINES_MAX } from "../generated/limits";
import type { CommandId, LineRange, Scope } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { COMMAND_WORDS } from "../lib/commands";
import * as l10n from "../lib/l10n";
import { lineLabel } from "../lib/lines";
import { capitalized } from "../lib/words";

import { currentPlace, documentText } from "./target";
import type { Target } from "./target";

/** The target; `undefined` if the user chose none. */
export async function chosenTarget(
  host: HostConnection,
  command: CommandId,
): Promise<Target | undefined> {
  const { editor, lines, empty } = currentPlace();
  const { document } = editor;
  if (!empty && lines.end - lines.start < SCOPE_LINES_MAX) {
    return { document, lines };
  }
  const params = { document: documentText(document), selection: lines, empty };
  const { chosen, scopes } = await host.request("scopes", params);
  const scope = chosen ?? (await choose(editor, scopes, command));
  return scope === undefined ? undefined : { document, lines: scope.range };
}

/** The smallest scope around these lines, without asking the user. */
export async function linesAround(
  host: HostConnection,
  document: vscode.TextDocument,
  lines: LineRange,
): Promise<LineRange> {
  const params = { document: documentText(document), selection: lines, empty: true };
  const { chosen, scopes } = await host.request("scopes", params);
  return chosen?.range ?? scopes[0]?.range ?? lines;
}

/** Lets the user choose; meanwhile the focused scope is selected in the editor. */
async function choose(
  editor: vscode.TextEditor,
  scopes: readonly Scope[],
  command: CommandId,
): Promise<Scope | undefined> {
  const picker = vscode.window.createQuickPick<vscode.QuickPickItem & { scope: Scope }>();
  picker.title = COMMAND_WORDS[command].choose;
  picker.placeholder = l10n.t(
    "More than {0} lines at once take long, and small models lose parts of them",
    SCOPE_LINES_MAX,
  );
  picker.items = scopes.map((scope) => ({
    label: capitalized(scope.label),
    description: lineLabel(scope.range),
    scope,
  }));
  const before = editor.selections;
  const chosen = new Promise<Scope | undefined>((resolve) => {
    picker.onDidChangeActive(([item]) => {
      if (item !== undefined) {
        show(editor, item.scope.range);
      }
    });
    picker.onDidAccept(() => {
      resolve(picker.activeItems[0]?.scope);
    });
    picker.onDidHide(() => {
      resolve(undefined);
    });
  });
  picker.show();
  try {
    const scope = await chosen;
    if (scope === undefined) {
      editor.selections = before;
    }
    return scope;
  } finally {
    picker.dispose();
  }
}

function show(editor: vscode.TextEditor, { start, end }: LineRange): void {
  const last = editor.document.lineAt(Math.min(end, editor.document.lineCount) - 1);
  const first = new vscode.Position(start - 1, 0);
  editor.selection = new vscode.Selection(first, last.range.end);
  // In the center, because the list covers the upper half of the editor.
  editor.revealRange(new vscode.Range(first, first), vscode.TextEditorRevealType.InCenter);
}
