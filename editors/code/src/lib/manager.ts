/**
 * What the page of models shows, and the messages between it and the extension. The page is not
 * trusted: it may send only a name from a closed list, the id of a model, or addresses that were
 * dropped. Pure: `features/manager.ts` holds the page, `ui/manager` draws it.
 */
import type { Fact, ModelAction, ModelFit, ModelRow, ModelRole } from "../generated/protocol";

import * as l10n from "./l10n";
import { isThere, loadingText, percent } from "./models";
import type { Loading, ShownModel } from "./models";
import { capitalized, joined, plain, sentence, size } from "./words";

/** A model on the page. */
export interface ManagedModel {
  readonly row: ModelRow;
  readonly shown: ShownModel;
  readonly loading?: Loading;
}

/** The text of a model's license, once it was requested. */
export interface LicenseShown {
  readonly id: string;
  readonly text: string;
}

/** Everything the page shows. */
export interface ManagerState {
  readonly models: readonly ManagedModel[];
  readonly diskText: string;
  /** Why nothing can be downloaded; empty if downloads are possible. */
  readonly refusal: string;
  readonly license?: LicenseShown;
}

/** Messages from the extension to the page. */
export type ToManager =
  | { readonly type: "state"; readonly state: ManagerState }
  | { readonly type: "choose"; readonly id: string };

/** Commands that need no model. */
export type ManagerCommand = "import" | "importExported" | "refresh";

/** Messages from the page to the extension. */
export type FromManager =
  | { readonly type: "ready" }
  | { readonly type: "command"; readonly command: ManagerCommand }
  | { readonly type: "act"; readonly action: ModelAction | "pause"; readonly id: string }
  | { readonly type: "license"; readonly id: string }
  | { readonly type: "dropped"; readonly uris: string };

const COMMANDS: Record<ManagerCommand, true> = {
  import: true,
  importExported: true,
  refresh: true,
};

/** The labels of the buttons, in the order in which they are shown. */
export const ACTION_WORDS: Record<ModelAction | "pause", string> = {
  install: l10n.t("Install"),
  pause: l10n.t("Pause"),
  discard: l10n.t("Cancel"),
  use: l10n.t("Use for Code"),
  useForGeneral: l10n.t("Use for Everything Else"),
  verify: l10n.t("Verify"),
  export: l10n.t("Export…"),
  remove: l10n.t("Delete…"),
};

/** The label of an action's button for this model: a paused download is resumed, for example. */
export function actionWords(action: ModelAction | "pause", { row }: ManagedModel): string {
  return action === "install" && row.state === "partial" ? l10n.t("Resume") : ACTION_WORDS[action];
}

/** Parses what the page sent; `undefined` if it is malformed. */
export function readFromManager(value: unknown): FromManager | undefined {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const { type, command, action, id, uris } = value as Record<string, unknown>;
  switch (type) {
    case "ready":
      return { type };
    case "command":
      return isOf(COMMANDS, command) ? { type, command } : undefined;
    case "act":
      return isOf(ACTION_WORDS, action) && typeof id === "string"
        ? { type, action, id }
        : undefined;
    case "license":
      return typeof id === "string" ? { type, id } : undefined;
    case "dropped":
      return typeof uris === "string" ? { type, uris } : undefined;
    default:
      return undefined;
  }
}

function isOf<T extends string>(table: Record<T, unknown>, value: unknown): value is T {
  return typeof value === "string" && Object.hasOwn(table, value);
}

/** Which models are shown. */
export interface ModelFilter {
  readonly text: string;
  readonly which: "all" | "installed" | "available";
  readonly fits: boolean;
}

/** Whether a model matches the filter. */
export function isShown({ row }: ManagedModel, { text, which, fits }: ModelFilter): boolean {
  const words = text.toLowerCase().split(/\s+/u);
  const said = joined([
    row.id,
    row.name,
    row.quantization,
    row.license?.name ?? "",
    row.profile ?? "",
    ...rolesOf(row),
    ...row.facts.map((fact) => fact.text),
  ]).toLowerCase();
  const fit = row.memory?.fit;
  return (
    words.every((word) => said.includes(word)) &&
    (which === "all" || isThere(row) === (which === "installed")) &&
    (!fits || fit === "fits" || fit === "loaded")
  );
}

/** The text of a cell, what is added after it, and whether it is a claim rather than a fact. */
export interface Cell {
  readonly text: string;
  readonly about?: string;
  readonly claimed?: boolean;
}

/** The names of the columns. */
export type Column =
  | "name"
  | "state"
  | "fits"
  | "speed"
  | "memory"
  | "size"
  | "roles"
  | "quantization"
  | "license"
  | "context";

/** The headings of the table's columns. */
export const COLUMNS: Readonly<Record<Column, string>> = {
  name: l10n.t("Model"),
  state: l10n.t("State"),
  fits: l10n.t("Fits now"),
  speed: l10n.t("Tokens/s"),
  memory: l10n.t("Memory"),
  size: l10n.t("Size"),
  roles: l10n.t({ message: "For", comment: "above a column: what a model is for" }),
  quantization: l10n.t("Quant."),
  license: l10n.t("License"),
  context: l10n.t("Context"),
};

const ROLES: Record<ModelRole, string> = {
  code: l10n.t({ message: "code", comment: "what a model is for" }),
  general: l10n.t({ message: "general", comment: "what a model is for" }),
  completion: l10n.t("completion"),
};

const FITS: Record<ModelFit, string> = {
  loaded: l10n.t("Loaded"),
  fits: l10n.t({ message: "Yes", comment: "in the column Fits now" }),
  tight: l10n.t("If others close"),
  tooLarge: l10n.t({ message: "No", comment: "in the column Fits now" }),
  unknown: l10n.t("Not known"),
};

const STATES = {
  bundled: l10n.t("Bundled"),
  installed: l10n.t("Installed"),
  broken: l10n.t("Can't be used"),
  available: l10n.t("Not installed"),
};

/** The cells of a model's row. */
export function cellsOf(model: ManagedModel): Record<Column, Cell> {
  const { row } = model;
  const profile = row.profile === undefined ? "" : l10n.t("profile {0}", row.profile);
  const base = row.tuning === "base" ? l10n.t({ message: "base", comment: "a kind of model" }) : "";
  return {
    name: { text: plain(row.name), about: row.id },
    state: { text: stateText(model), about: row.problem ?? row.description },
    roles: {
      text: joined([...rolesOf(row), base]) || "—",
      about: capitalized(joined([tuningText(row), profile])),
    },
    size: { text: row.bytes === 0 ? "—" : size(row.bytes) },
    quantization: { text: plain(row.quantization) || "—" },
    license: licenseCell(row),
    context: { text: row.contextTokens === 0 ? "—" : row.contextTokens.toLocaleString("en") },
    memory:
      row.memory === undefined
        ? NOTHING
        : { text: size(row.memory.neededBytes), about: row.memory.text },
    fits:
      row.memory === undefined ? NOTHING : { text: FITS[row.memory.fit], about: row.memory.text },
    speed: speedCell(row),
  };
}

const NOTHING: Cell = { text: "—" };

function rolesOf({ roles }: ModelRow): string[] {
  return roles.map((role) => ROLES[role]);
}

function stateText({ row, shown, loading }: ManagedModel): string {
  switch (shown.state) {
    case "loading":
      return loading === undefined || loading.totalBytes === 0
        ? l10n.t("Starting…")
        : l10n.t("{0} %", percent(loading));
    case "partial":
      return l10n.t("Paused at {0} %", percent({ bytes: row.loadedBytes, totalBytes: row.bytes }));
    case "inUse":
      return row.uses.length > 1
        ? l10n.t("In use")
        : row.uses[0] === "code"
          ? l10n.t("For code")
          : l10n.t("For the rest");
    case "bundled":
    case "installed":
    case "broken":
    case "available":
      return STATES[shown.state];
  }
}

function tuningText({ tuning }: ModelRow): string {
  return tuning === undefined
    ? ""
    : tuning === "instruct"
      ? l10n.t("made to follow instructions")
      : l10n.t("a base model, which continues a text");
}

function licenseCell({ license }: ModelRow): Cell {
  switch (license?.saidBy) {
    case "catalog":
      return {
        text: plain(license.name),
        about: l10n.t("as the catalog says that pins this file"),
      };
    case "folder":
      return {
        text: plain(license.name),
        about: l10n.t("claimed by the folder it came in; not checked"),
        claimed: true,
      };
    case "file":
      return {
        text: plain(license.name),
        about: l10n.t("claimed by its own file; not checked"),
        claimed: true,
      };
    case undefined:
      return { text: l10n.t("Not known") };
  }
}

function speedCell({ speed }: ModelRow): Cell {
  if (speed === undefined) {
    return { text: "—", about: l10n.t("not measured yet, and not known beforehand") };
  }
  const number = speed.tokensPerS.toFixed(speed.tokensPerS < 20 ? 1 : 0);
  return speed.measured
    ? { text: number, about: speed.text }
    : { text: `≈ ${number}`, about: speed.text, claimed: true };
}

/** The lines above a model's facts, which spell out the short cells. */
export function detailsOf(model: ManagedModel): Fact[] {
  const { row, loading } = model;
  const { roles, speed, license } = cellsOf(model);
  const isClaimed = license.claimed === true;
  return [
    { what: l10n.t("Download"), text: loading === undefined ? "" : loadingText(loading) },
    { what: l10n.t("Problem"), text: row.problem ?? "" },
    { what: l10n.t("Made for"), text: joined([...rolesOf(row), roles.about?.toLowerCase() ?? ""]) },
    { what: l10n.t("Memory"), text: sentence(row.memory?.text ?? "") },
    {
      what: l10n.t("Speed"),
      text:
        row.speed === undefined
          ? ""
          : sentence(l10n.t("{0} tokens/s, {1}", speed.text, row.speed.text)),
    },
    { what: l10n.t("License"), text: isClaimed ? joined([license.text, license.about ?? ""]) : "" },
  ].filter(({ text }) => text !== "");
}

/** What else is known of a model. */
export function factsOf({ row }: ManagedModel): Fact[] {
  // The detail line above describes the memory for the context window that would be used.
  return row.facts.filter(({ what }) => what !== "Memory");
}

/** Steps in which a screen reader is told about a download, in percent. */
const TOLD_EVERY = 10;

/**
 * The screen reader's text about downloads; it stays the same within a step, so that it is not read
 * all the time.
 */
export function downloadsText(models: readonly ManagedModel[]): string {
  return models
    .flatMap(({ row, loading }) => {
      if (loading === undefined) {
        return [];
      }
      const step = Math.floor(percent(loading) / TOLD_EVERY) * TOLD_EVERY;
      return [l10n.t("{0}: {1} % downloaded", plain(row.name), step)];
    })
    .join(". ");
}
