/** Says in words what a reset removes and what it keeps. */
import type { Removal, RemovalPart } from "../generated/protocol";

import * as l10n from "./l10n";
import { size } from "./words";

/** Most file names of a part that are listed; the rest are only counted. */
const NAMES_MAX = 6;

/**
 * The question before anything is removed. `unsaved`: the number of documents with unsaved changes.
 */
export function removalText(removal: Removal, unsaved: number): string {
  const parts = [
    l10n.t("Goes:"),
    ...removal.goes.map(partText),
    ...(removal.stays.length > 0 ? ["", l10n.t("Stays:"), ...removal.stays.map(partText)] : []),
  ];
  if (unsaved > 0) {
    parts.push(
      "",
      unsaved === 1
        ? l10n.t("1 file has changes that are not saved. They go, too: save first to keep them.")
        : l10n.t(
            "{0} files have changes that are not saved. They go, too: save first to keep them.",
            unsaved,
          ),
    );
  }
  return [...parts, "", l10n.t("LocalCoder IDE is closed first.")].join("\n");
}

function partText({ what, paths, bytes, text }: RemovalPart): string {
  const head =
    bytes === undefined ? what : `${what} (${bytes < 1_000 ? `${bytes} B` : size(bytes)})`;
  const note = text === undefined ? "" : ` — ${text}`;
  return `• ${head}: ${pathsText(paths)}${note}`;
}

/** The paths, with the folder that they share written only once. */
function pathsText(paths: readonly string[]): string {
  const [first = ""] = paths;
  const folder = first.slice(0, first.lastIndexOf("/"));
  if (paths.length === 1 || !paths.every((path) => path.startsWith(`${folder}/`))) {
    return paths.join(", ");
  }
  const names = paths.map((path) => path.slice(folder.length + 1));
  const shown = names.slice(0, NAMES_MAX).join(", ");
  return names.length > NAMES_MAX
    ? l10n.t("{0} ({1} and {2} more)", folder, shown, names.length - NAMES_MAX)
    : `${folder} (${shown})`;
}
