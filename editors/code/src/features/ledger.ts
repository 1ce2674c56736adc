/**
 * Reports to the host what becomes of each edit that is shown: one word with the edit's id; the
 * host knows the rest. Nothing here sends code, and nothing waits for it or fails because of it.
 */
import * as vscode from "vscode";

import type { Decision, EditAnswer } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import type { Emitter } from "../lib/emitter";
import { UndoWatch } from "../lib/undo-watch";

import type { AskedAgain } from "./edits";
import type { Outcome } from "./preview";

/** A feature in which users decide on edits. */
interface Deciding {
  readonly onOutcome: Emitter<Outcome>;
}

/** A feature in which users ask for another edit in place of the one that they have. */
interface AskingAgain {
  readonly onAskedAgain: Emitter<AskedAgain>;
}

type Named = Pick<EditAnswer, "editId">;

export function registerLedger(
  host: HostConnection,
  deciding: readonly Deciding[],
  asking: readonly AskingAgain[],
): vscode.Disposable {
  const record = ({ editId }: Named, decision: Decision): void => {
    // A host of an earlier build sends no ids.
    if (editId !== "") {
      host.request("recordDecision", { editId, decision }).catch(() => undefined);
    }
  };
  const watch = new UndoWatch((editId, undone) => {
    record({ editId }, { kind: undone ? "undone" : "kept" });
  });
  const stops = [
    ...deciding.map(({ onOutcome }) =>
      onOutcome.on((outcome) => {
        const { answer, written } = outcome;
        record(answer, decisionOf(outcome));
        if (written !== undefined) {
          const { uri, before, after } = written;
          watch.kept(answer.editId, uri.toString(), before, after);
        }
      }),
    ),
    ...asking.map(({ onAskedAgain }) =>
      onAskedAgain.on(({ answer, followsUp }) => {
        record(answer, { kind: followsUp ? "followedUp" : "retried" });
      }),
    ),
  ];
  return vscode.Disposable.from(
    ...stops.map((stop) => new vscode.Disposable(stop)),
    vscode.workspace.onDidChangeTextDocument(({ document, reason }) => {
      const redone = reason === vscode.TextDocumentChangeReason.Redo;
      watch.changed(document.uri.toString(), () => document.getText(), redone);
    }),
  );
}

function decisionOf({ all, kept, again }: Outcome): Decision {
  if (again !== undefined) {
    return { kind: again };
  }
  if (kept === 0) {
    return { kind: "dropped" };
  }
  return kept === all ? { kind: "kept" } : { kind: "keptInPart", hunksKept: kept, hunksShown: all };
}
