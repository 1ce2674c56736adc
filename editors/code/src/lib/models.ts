/**
 * What the list of models shows: the program's rows, and over them what a download of this window
 * does. Pure: `features/models.ts` puts it on the screen.
 */
import type {
  Fact,
  InstallEvent,
  InstalledModel,
  ModelAction,
  ModelRow,
  ModelState,
} from "../generated/protocol";

import { size } from "./words";

/** A download that runs. */
export interface Loading {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
}

/** A row as it is shown. */
export interface ShownModel {
  readonly state: ModelState | "inUse" | "loading";
  readonly description: string;
  /** Names of commands, `localcoder.models.` before them. */
  readonly actions: readonly (ModelAction | "pause")[];
}

/** How a row is shown while this window loads it, or does not. */
export function shownModel(row: ModelRow, loading: Loading | undefined): ShownModel {
  if (loading !== undefined) {
    return { state: "loading", description: loadingText(loading), actions: ["pause"] };
  }
  const { uses, description, actions } = row;
  return { state: uses.length > 0 ? "inUse" : row.state, description, actions };
}

/** Whether a model is there, whole or broken; others can be installed. */
export function isThere({ state }: ModelRow): boolean {
  return state !== "available" && state !== "partial";
}

/** What is said of a model that was taken in: verified is what a catalog pins, and nothing else. */
export function importedText({ id, name, verified, claimedId }: InstalledModel): string {
  if (verified) {
    return `${name} is installed and verified.`;
  }
  const claimed =
    claimedId === undefined
      ? "No catalog knows its file"
      : `It came as ${claimedId}, which is the name of another model, and its file is not that one`;
  return `${name} is installed as ${id}. ${claimed}: what it says of itself is claimed, not verified.`;
}

/** Facts a line each. */
export function factLines(facts: readonly Fact[]): string[] {
  return facts.map(({ what, text }) => `${what}: ${text}`);
}

/** How far a download is, how fast, and how long it will take. */
export function loadingText({ bytes, totalBytes, bytesPerSecond }: Loading): string {
  if (totalBytes === 0) {
    return "starting…";
  }
  const done = `${size(bytes)} of ${size(totalBytes)}`;
  if (bytesPerSecond === 0) {
    return done;
  }
  return `${done}, ${size(bytesPerSecond)}/s, ${duration((totalBytes - bytes) / bytesPerSecond)} left`;
}

/** What an event says: how far it is, or a note. */
export function installText(event: InstallEvent): { loading?: Loading; message: string } {
  switch (event.event) {
    case "progress": {
      const { bytes, totalBytes, bytesPerS } = event;
      const loading = { bytes, totalBytes, bytesPerSecond: bytesPerS };
      return { loading, message: loadingText(loading) };
    }
    case "checking": {
      const text = loadingText({ ...event, bytesPerSecond: 0 });
      return { message: `checking what is there: ${text}` };
    }
    case "waiting":
    case "restarted":
      return { message: event.reason };
    case "installed":
      return { message: "" };
  }
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes >= 60
    ? `${Math.floor(minutes / 60)} h ${minutes % 60} min`
    : minutes >= 1
      ? `${minutes} min`
      : `${Math.max(1, Math.round(seconds))} s`;
}
