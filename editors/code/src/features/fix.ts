/**
 * A fix for what one of the user's tools reports: offered at the report, in the editor, the hover
 * and the list of problems. The resulting edit waits for the user's decision like any other.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import * as l10n from "../lib/l10n";

import type { Edits } from "./edits";
import type { Notifier } from "./notify";
import { linesAround } from "./scope";

/** The table's row for the command that fixes reported problems. */
const ENTRY = COMMANDS.find(({ command }) => command === "localcoder.fixProblems");

const COMMAND = "localcoder.fixDiagnostic";

export function registerFix(
  host: HostConnection,
  edits: Edits,
  notifier: Notifier,
): vscode.Disposable {
  const kinds = [vscode.CodeActionKind.QuickFix];
  return vscode.Disposable.from(
    vscode.languages.registerCodeActionsProvider(
      [{ scheme: "file" }, { scheme: "untitled" }],
      { provideCodeActions: offered },
      { providedCodeActionKinds: kinds },
    ),
    vscode.commands.registerCommand(COMMAND, async (uri: vscode.Uri, at: vscode.Range) => {
      await notifier.guarded(() => fix(host, edits, uri, at));
    }),
  );
}

function offered(
  document: vscode.TextDocument,
  _range: vscode.Range,
  { diagnostics, only }: vscode.CodeActionContext,
): vscode.CodeAction[] {
  // "Fix all" and fixes on save run unattended; a fix that takes seconds and waits for a decision
  // is not an answer to them.
  if (only !== undefined && !only.contains(vscode.CodeActionKind.QuickFix)) {
    return [];
  }
  return diagnostics
    .filter(({ severity }) => severity <= vscode.DiagnosticSeverity.Warning)
    .map((diagnostic) => {
      const title = l10n.t("Fix with LocalCoder");
      const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
      const { range } = diagnostic;
      action.diagnostics = [diagnostic];
      action.command = {
        command: COMMAND,
        title,
        arguments: [document.uri, range],
      };
      return action;
    });
}

async function fix(
  host: HostConnection,
  edits: Edits,
  uri: vscode.Uri,
  at: vscode.Range,
): Promise<void> {
  if (ENTRY === undefined) {
    return;
  }
  const document = await vscode.workspace.openTextDocument(uri);
  const selection = { start: at.start.line + 1, end: at.end.line + 1 };
  const lines = await linesAround(host, document, selection);
  await edits.ask(ENTRY, {
    target: { document, lines },
    instruction: ENTRY.instruction ?? ENTRY.title,
    about: at,
  });
}
