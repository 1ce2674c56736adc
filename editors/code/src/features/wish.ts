/** The parameters of a request for an edit. */
import type * as vscode from "vscode";

import type { PendingEdit } from "../generated/protocol";

import type { Target } from "./target";

export interface Wish {
  readonly target: Target;
  /** The text of the document, if it is not the one in the editor. */
  readonly text?: string;
  /** What to do, in words; without it, a command looks by itself for what to do. */
  readonly instruction?: string;
  /** Only diagnostics in this range are sent; if absent, those of all the lines. */
  readonly about?: vscode.Range;
  /** The pending edit that is to be changed. */
  readonly pending?: PendingEdit;
  /** The number of the variation, if an answer different from the earlier ones is wanted. */
  readonly variation?: number;
  /** The profile, if not the one that is set. */
  readonly profile?: string;
}

/** The instructions that led to this request, in order. */
export function instructionsOf({ instruction, pending }: Wish): string[] {
  const before = pending?.instructions ?? [];
  return instruction === undefined ? before : [...before, instruction];
}
