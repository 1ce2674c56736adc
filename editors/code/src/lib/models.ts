/**
 * What the list of models shows: the program's rows, overlaid with this window's downloads. Pure:
 * `features/models.ts` puts it on the screen.
 */
import type {
  Fact,
  InstallEvent,
  InstalledModel,
  ModelAction,
  ModelRow,
  ModelState,
} from "../generated/protocol";

import * as l10n from "./l10n";
import { size } from "./words";

/** A running download. */
export interface Loading {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  /** Why it is stalled, such as that no server can be reached. */
  readonly note?: string;
}

/** A row as it is shown. */
export interface ShownModel {
  readonly state: ModelState | "inUse" | "loading";
  readonly description: string;
  /** Names of commands without the prefix `localcoder.models.`. */
  readonly actions: readonly (ModelAction | "pause")[];
}

/** How a row is shown, with or without a download in this window. */
export function shownModel(row: ModelRow, loading: Loading | undefined): ShownModel {
  if (loading !== undefined) {
    return { state: "loading", description: loadingText(loading), actions: ["pause"] };
  }
  const { uses, description, actions } = row;
  return { state: uses.length > 0 ? "inUse" : row.state, description, actions };
}

/** The one thing to say next to the name in a narrow list: what the icon does not show. */
export function shortText(row: ModelRow, loading: Loading | undefined): string {
  if (loading !== undefined) {
    return loading.totalBytes === 0 ? l10n.t("starting…") : l10n.t("{0} %", percent(loading));
  }
  switch (row.state) {
    case "bundled":
      return l10n.t("demo only");
    case "broken":
      return l10n.t("can't be used");
    case "partial":
      return l10n.t("{0} %", percent({ bytes: row.loadedBytes, totalBytes: row.bytes }));
    case "installed":
    case "available":
      // With three digits before the point, the tenths don't matter.
      return size(row.bytes).replace(/(\d{3})\.\d/u, "$1");
  }
}

/** How much is downloaded, in whole percent; never 100 before the end. */
export function percent({ bytes, totalBytes }: Pick<Loading, "bytes" | "totalBytes">): number {
  return Math.min(100, Math.floor((100 * bytes) / Math.max(1, totalBytes)));
}

/** The first dropped address that a model could be imported from. */
export function droppedPath(
  uris: string,
): { readonly path: string; readonly exported: boolean } | undefined {
  for (const line of uris.split(/\r?\n/u)) {
    // Only files on this machine: the window's own, or its server's.
    if (!/^(?:file|vscode-remote):\/\//u.test(line)) {
      continue;
    }
    const path = pathOf(line);
    const exported = path?.endsWith(".localcoder-model") ?? false;
    if (path !== undefined && (exported || path.toLowerCase().endsWith(".gguf"))) {
      return { path, exported };
    }
  }
  return undefined;
}

function pathOf(address: string): string | undefined {
  try {
    return decodeURIComponent(new URL(address).pathname).replace(/\/$/u, "");
  } catch {
    return undefined;
  }
}

/** Whether a model is installed, whether whole or broken; all others can be installed. */
export function isThere({ state }: ModelRow): boolean {
  return state !== "available" && state !== "partial";
}

/** The message about an imported model: it counts as verified only if a catalog pins it. */
export function importedText(model: InstalledModel): string {
  const { notForEdits } = model;
  return notForEdits === undefined ? whatItIs(model) : `${whatItIs(model)} ${notForEdits}`;
}

function whatItIs({ id, name, verified, claimedId }: InstalledModel): string {
  if (verified) {
    return l10n.t("{0} is installed and verified.", name);
  }
  return claimedId === undefined
    ? l10n.t(
        "{0} is installed as {1}. No catalog knows its file: what it says of itself is claimed, not verified.",
        name,
        id,
      )
    : l10n.t(
        "{0} is installed as {1}. It came as {2}, which is the name of another model, and its file is not that one: what it says of itself is claimed, not verified.",
        name,
        id,
        claimedId,
      );
}

/** Facts, one per line. */
export function factLines(facts: readonly Fact[]): string[] {
  return facts.map(({ what, text }) => `${what}: ${text}`);
}

/** The progress of a download: how far, how fast, and how long it will take. */
export function loadingText({ bytes, totalBytes, bytesPerSecond, note = "" }: Loading): string {
  if (note !== "") {
    return note;
  }
  if (totalBytes === 0) {
    return l10n.t("starting…");
  }
  const [done, all] = [size(bytes), size(totalBytes)];
  if (bytesPerSecond === 0) {
    return l10n.t("{0} of {1}", done, all);
  }
  const left = duration((totalBytes - bytes) / bytesPerSecond);
  return l10n.t("{0} of {1}, {2}/s, {3} left", done, all, size(bytesPerSecond), left);
}

/** The text of an event: progress or a note. */
export function installText(event: InstallEvent): { loading?: Loading; message: string } {
  switch (event.event) {
    case "progress": {
      const { bytes, totalBytes, bytesPerS } = event;
      const loading = { bytes, totalBytes, bytesPerSecond: bytesPerS };
      return { loading, message: loadingText(loading) };
    }
    case "checking": {
      const text = loadingText({ ...event, bytesPerSecond: 0 });
      return { message: l10n.t("checking what is there: {0}", text) };
    }
    case "waiting": {
      const { reason, waitMs } = event;
      return { message: l10n.t("{0}; trying again in {1}", reason, duration(waitMs / 1000)) };
    }
    case "restarted":
      return { message: event.reason };
    case "installed":
      return { message: "" };
  }
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes >= 60
    ? l10n.t("{0} h {1} min", Math.floor(minutes / 60), minutes % 60)
    : minutes >= 1
      ? l10n.t("{0} min", minutes)
      : l10n.t("{0} s", Math.max(1, Math.round(seconds)));
}
