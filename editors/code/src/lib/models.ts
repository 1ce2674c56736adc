/**
 * What the list of models shows, from what `localcoder models list --json` says. Pure:
 * `features/models.ts` puts it on the screen.
 */

import { joined, size } from "./words";

/** What a model is used for. */
export type Use = "code" | "general";

/** What can be done with a model. */
export type ModelKind = "inUse" | "installed" | "broken" | "available" | "begun" | "loading";

/** A line of the list. */
export interface ModelRow {
  readonly id: string;
  readonly name: string;
  readonly kind: ModelKind;
  /** What it is used for now. */
  readonly uses: readonly Use[];
  /** Beside the name: size, and whether it fits. */
  readonly description: string;
  /** All that is known, a line each. */
  readonly facts: readonly string[];
}

/** The list. */
export interface ModelList {
  readonly installed: readonly ModelRow[];
  readonly available: readonly ModelRow[];
  /** Disk use in a sentence. */
  readonly disk: string;
  /** The error that there would be if one were installed; `undefined` where there would be none. */
  readonly refusal: unknown;
}

/** A download that runs. */
export interface Loading {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
}

const USES: Record<Use, string> = { code: "code", general: "everything but code" };

/** Reads the list; what makes no sense is left out. `loading`: downloads of this window. */
export function readModels(value: unknown, loading: ReadonlyMap<string, Loading>): ModelList {
  const root = record(value);
  const usesOf = (id: string): Use[] => [
    ...(id === text(root["codeModel"]) ? (["code"] as const) : []),
    ...(id === text(root["generalModel"]) ? (["general"] as const) : []),
  ];
  const demoUses = usesOf("demo");
  const demo: ModelRow = {
    id: "demo",
    name: "LocalCoder demo",
    kind: demoUses.length > 0 ? "inUse" : "installed",
    uses: demoUses,
    description: joined(["bundled, no code assistant", inUse(demoUses)]),
    facts: ["Tidies short Python functions, so that everything can be tried."],
  };
  const installed = list(root["installed"]).map((item) => installedRow(item, usesOf));
  const available = list(root["available"]).map((item) => availableRow(item, loading));
  const used = size(number(root["usedBytes"]));
  const free = size(number(record(root["machine"])["diskFreeBytes"]));
  return {
    installed: [demo, ...installed],
    available,
    disk: `Models take ${used}; ${free} are free.`,
    refusal: root["refusal"] ?? undefined,
  };
}

function installedRow(
  item: Record<string, unknown>,
  usesOf: (id: string) => readonly Use[],
): ModelRow {
  const model = record(item["model"]);
  const problem = text(item["problem"]);
  const id = text(model["id"]);
  const uses = usesOf(id);
  const kind = problem !== "" ? "broken" : uses.length > 0 ? "inUse" : "installed";
  const state = kind === "broken" ? `can't be used: ${problem}` : inUse(uses);
  return {
    id,
    name: text(model["name"]),
    kind,
    uses,
    description: joined([size(number(model["bytes"])), state]),
    facts: facts(item),
  };
}

function availableRow(
  item: Record<string, unknown>,
  loading: ReadonlyMap<string, Loading>,
): ModelRow {
  const entry = record(item["entry"]);
  const [id, begun] = [text(entry["id"]), number(item["loadedBytes"])];
  const running = loading.get(id);
  const kind = running !== undefined ? "loading" : begun > 0 ? "begun" : "available";
  const all = size(number(entry["bytes"]));
  return {
    id,
    name: text(entry["name"]),
    kind,
    uses: [],
    description:
      running !== undefined
        ? loadingText(running)
        : begun > 0
          ? `paused: ${size(begun)} of ${all} are loaded`
          : joined([all, text(item["fitText"])]),
    facts: facts(item),
  };
}

function inUse(uses: readonly Use[]): string {
  return uses.length === 2 ? "in use" : uses.map((use) => `in use for ${USES[use]}`).join("");
}

/** An exported model, before it is taken in. */
export interface Exported {
  readonly name: string;
  readonly facts: readonly string[];
  /** Text of its licence; empty where none is known. */
  readonly license: string;
}

/** Reads what `localcoder models license FOLDER --json` says. */
export function readExported(value: unknown): Exported {
  const root = record(value);
  const license = text(record(root["license"])["name"]);
  return {
    name: text(root["name"]),
    facts: [
      `Model: ${text(root["id"])}, ${size(number(root["bytes"]))}`,
      `SHA-256: ${text(root["sha256"])}`,
      `Licence: ${license === "" ? "not known" : license}`,
    ],
    license: text(root["text"]),
  };
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

/** An event of `localcoder models install --events`, as far as it concerns the screen. */
export type InstallEvent =
  | { readonly kind: "progress"; readonly loading: Loading }
  | { readonly kind: "checking"; readonly loading: Loading }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "other" };

/** Reads one line. */
export function readInstallEvent(line: string): InstallEvent {
  const event = record(parse(line));
  switch (event["event"]) {
    case "progress":
    case "checking":
      return {
        kind: event["event"],
        loading: {
          bytes: number(event["bytes"]),
          totalBytes: number(event["totalBytes"]),
          bytesPerSecond: number(event["bytesPerS"]),
        },
      };
    case "waiting":
    case "restarted":
      return { kind: "note", text: text(event["reason"]) };
    default:
      return { kind: "other" };
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

function facts(item: Record<string, unknown>): string[] {
  return list(item["facts"]).map((fact) => `${text(fact["what"])}: ${text(fact["text"])}`);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
