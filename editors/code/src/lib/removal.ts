/** Says in words what a reset removes and what it leaves. */
import type { Removal, RemovalPart } from "../generated/protocol";

import { size } from "./words";

/** Most names of a part that are told; the others lie beside them. */
const NAMES_MAX = 6;

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
  const head =
    bytes === undefined ? what : `${what} (${bytes < 1_000 ? `${bytes} B` : size(bytes)})`;
  const note = text === undefined ? "" : ` — ${text}`;
  return `• ${head}: ${pathsText(paths)}${note}`;
}

/** The folder that they lie in once, where there are several. */
function pathsText(paths: readonly string[]): string {
  const [first = ""] = paths;
  const folder = first.slice(0, first.lastIndexOf("/"));
  if (paths.length === 1 || !paths.every((path) => path.startsWith(`${folder}/`))) {
    return paths.join(", ");
  }
  const names = paths.map((path) => path.slice(folder.length + 1));
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : "";
  return `${folder} (${names.slice(0, NAMES_MAX).join(", ")}${more})`;
}
