/** What is asked for where an edit is asked for. */
import type * as vscode from "vscode";

import type { PendingEdit } from "../generated/protocol";

import type { Target } from "./target";

export interface Wish {
  readonly target: Target;
  /** The document's text, where it is not the one that the editor has. */
  readonly text?: string;
  /** In words; a command without any looks for what to do by itself. */
  readonly instruction?: string;
  /** Of what tools report, only what is here is reported. */
  readonly about?: vscode.Range;
  /** The edit that waits and is to be changed. */
  readonly pending?: PendingEdit;
  /** Another answer than those before: which. */
  readonly variation?: number;
  /** Where it is not the one that is set. */
  readonly profile?: string;
}

/** The instructions that lead to what is asked for, the first one first. */
export function instructionsOf({ instruction, pending }: Wish): string[] {
  const before = pending?.instructions ?? [];
  return instruction === undefined ? before : [...before, instruction];
}
