/**
 * Shows the answer of a command that changed nothing, next to the code and until the user's next
 * action. A notification would be gone before it is read, and the keys that would have applied a
 * change would type into the file.
 */
import * as vscode from "vscode";

import type { CommandWords } from "../lib/commands";
import { lineLabel } from "../lib/lines";

import type { Target } from "./target";

/** While this context is set, Ctrl+Enter and Escape only close the note. */
const CONTEXT = "localcoder.notePresent";

/** Shows one note at a time. */
export class Standing implements vscode.Disposable {
  readonly #look = vscode.window.createTextEditorDecorationType({
    after: {
      color: new vscode.ThemeColor("editorCodeLens.foreground"),
      fontStyle: "italic",
      margin: "0 0 0 3em",
    },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  readonly #subscriptions: { dispose: () => unknown }[];
  #editor: vscode.TextEditor | undefined;

  constructor() {
    this.#subscriptions = [
      this.#look,
      vscode.commands.registerCommand("localcoder.closeNote", () => {
        this.close();
      }),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
        this.#closeIn(textEditor.document);
      }),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        this.#closeIn(document);
      }),
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.close();
      }),
    ];
  }

  show({ document, lines }: Target, note: CommandWords["note"]): void {
    this.close();
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined || editor.document !== document) {
      return;
    }
    const end = document.lineAt(lines.end - 1).range.end;
    const contentText = note(lineLabel(lines));
    editor.setDecorations(this.#look, [
      { range: new vscode.Range(end, end), renderOptions: { after: { contentText } } },
    ]);
    this.#editor = editor;
    void vscode.commands.executeCommand("setContext", CONTEXT, true);
  }

  close(): void {
    if (this.#editor !== undefined) {
      this.#editor.setDecorations(this.#look, []);
      this.#editor = undefined;
      void vscode.commands.executeCommand("setContext", CONTEXT, false);
    }
  }

  dispose(): void {
    this.close();
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #closeIn(document: vscode.TextDocument): void {
    if (this.#editor?.document === document) {
      this.close();
    }
  }
}
