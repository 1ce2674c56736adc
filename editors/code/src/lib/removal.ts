/** Says in words what a reset removes and what it leaves. */
import type { Removal, RemovalPart } from "../generated/protocol";

import { size } from "./words";

/** Most paths of a part that are named: the others lie beside them. */
const PATHS_MAX = 3;

/** What is asked before anything is removed. `unsaved`: documents with changes that are not saved. */
export function removalText(removal: Removal, unsaved: number): string {
  const parts = [
    "Goes:",
    ...removal.goes.map(partText),
    ...(removal.stays.length > 0 ? ["", "Stays:", ...removal.stays.map(partText)] : []),
  ];
  if (unsaved > 0) {
    const those = unsaved === 1 ? "1 file has" : `${unsaved} files have`;
    parts.push("", `${those} changes that are not saved. They go, too: save first to keep them.`);
  }
  return [...parts, "", "LocalCoder IDE is closed first."].join("\n");
}

function partText({ what, paths, bytes, text }: RemovalPart): string {
  const head = bytes === undefined ? what : `${what} (${size(bytes)})`;
  const named = paths.slice(0, PATHS_MAX).join(", ");
  const more = paths.length > PATHS_MAX ? ` and ${paths.length - PATHS_MAX} more` : "";
  const note = text === undefined ? "" : ` — ${text}`;
  return `• ${head}: ${named}${more}${note}`;
}
