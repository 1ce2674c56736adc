/**
 * Tells the host what becomes of each edit that is shown: one word by the edit's name, of which the
 * host knows the rest. Nothing here sends code, and nothing waits for it or fails because of it.
 */
import * as vscode from "vscode";

import type { CommandEntry, Decision, EditAnswer } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { UndoWatch } from "../lib/undo-watch";

type Shown = Pick<EditAnswer, "editId">;

/** See the module. */
export class Ledger implements vscode.Disposable {
  readonly #host: HostConnection;
  readonly #watch: UndoWatch;
  readonly #subscription: vscode.Disposable;
  /** Shown, and nothing was decided yet. */
  readonly #open = new Set<string>();

  constructor(host: HostConnection) {
    this.#host = host;
    this.#watch = new UndoWatch((editId, undone) => {
      this.decided({ editId }, { kind: undone ? "undone" : "kept" });
    });
    this.#subscription = vscode.workspace.onDidChangeTextDocument(({ document, reason }) => {
      const redone = reason === vscode.TextDocumentChangeReason.Redo;
      this.#watch.changed(document.uri.toString(), () => document.getText(), redone);
    });
  }

  /** It is before the user. */
  shown({ editId }: Shown): void {
    this.#open.add(editId);
  }

  /** The user has decided. */
  decided({ editId }: Shown, decision: Decision): void {
    this.#open.delete(editId);
    // A host of an earlier build gives no names.
    if (editId !== "") {
      this.#host.request("recordDecision", { editId, decision }).catch(() => undefined);
    }
  }

  /** Something is asked of the same lines while it is before the user, by which command. */
  askedAgain(answer: Shown, before: CommandEntry, now: CommandEntry): void {
    if (now.asksInstruction) {
      this.decided(answer, { kind: "followedUp" });
    } else if (now.command === before.command) {
      this.decided(answer, { kind: "retried" });
    }
  }

  /** It was written, whole or in part. `before`: the document's whole text before that. */
  kept(
    answer: Shown,
    document: vscode.TextDocument,
    before: string,
    decision: Decision = { kind: "kept" },
  ): void {
    this.decided(answer, decision);
    this.#watch.kept(answer.editId, document.uri.toString(), before, document.getText());
  }

  /** It is not before the user any more: dropped, unless something else was decided before. */
  closed(answer: Shown): void {
    if (this.#open.has(answer.editId)) {
      this.decided(answer, { kind: "dropped" });
    }
  }

  /** An editor that is closed has decided nothing. */
  dispose(): void {
    this.#subscription.dispose();
  }
}
