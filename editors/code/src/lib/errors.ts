/**
 * Errors as the host writes them: recognizes them on the wire and puts them into words and buttons.
 * Shows nothing itself; `features/notify.ts` does.
 */
import { ERROR_CODES, USUAL_ACTIONS } from "../generated/protocol";
import type { ErrorAction, ErrorCode, ErrorInfo } from "../generated/protocol";

import * as l10n from "./l10n";
import { sentence } from "./words";

/** An {@link ErrorInfo} that can be thrown. */
export class HostError extends Error {
  constructor(readonly info: ErrorInfo) {
    super(info.message);
    this.name = "HostError";
  }
}

/**
 * How prominently an error is reported. `silent`: not at all, because the user caused it on
 * purpose.
 */
export type Severity = "silent" | "information" | "warning" | "error";

/** Typed as a complete record: a new code doesn't compile until it has a severity. */
const SEVERITIES: Record<ErrorCode, Severity> = {
  internal: "error",
  usage: "error",
  protocol: "error",
  versionMismatch: "error",
  hostUnreachable: "error",
  runtimeFolder: "error",
  draining: "warning",
  busy: "warning",
  outputFailed: "error",
  fileNotFound: "error",
  fileAccess: "error",
  notText: "warning",
  linesOutOfRange: "warning",
  selectionEmpty: "information",
  selectionTooLarge: "warning",
  documentTooLarge: "warning",
  documentChanged: "warning",
  answerUnusable: "warning",
  invalidSetting: "warning",
  noModel: "error",
  modelNotFound: "error",
  modelNotGguf: "error",
  modelDamaged: "error",
  modelUnsupported: "error",
  modelLoadFailed: "error",
  outOfMemory: "error",
  profileNeeded: "warning",
  workerStart: "error",
  workerCrashed: "error",
  generateFailed: "error",
  editorStart: "error",
  downloadFailed: "error",
  checksumMismatch: "error",
  diskFull: "error",
  airGapped: "information",
  licenseNotAccepted: "information",
  modelInUse: "warning",
  modelStore: "error",
  cancelled: "silent",
};

/**
 * What a button does: an action that the host suggests, or opening the error's entry in the
 * reference.
 */
export type ButtonAction = ErrorAction | "learnMore";

/** The labels of buttons. An ellipsis means that something is asked first. */
export const ACTION_TITLES: Record<ButtonAction, string> = {
  retry: l10n.t("Retry"),
  showLog: l10n.t("Show Log"),
  openSettings: l10n.t("Open Settings"),
  openSettingsFile: l10n.t("Open settings.json"),
  reloadWindow: l10n.t("Reload Window"),
  switchProfile: l10n.t("Switch Profile…"),
  switchModel: l10n.t("Switch Model…"),
  useFastProfile: l10n.t("Use Fast Profile"),
  showModels: l10n.t("Show Models"),
  installModel: l10n.t("Install Model"),
  verifyModel: l10n.t("Verify Model"),
  removeModel: l10n.t("Remove Model…"),
  importModel: l10n.t("Import Model…"),
  restartEngine: l10n.t("Restart Engine"),
  createReport: l10n.t("Create Report"),
  learnMore: l10n.t("Learn More"),
};

/**
 * The command behind each button, with its arguments. Retrying is up to the caller, and the other
 * missing actions depend on the error.
 */
export const ACTION_COMMANDS: Record<
  Exclude<ButtonAction, "retry" | "learnMore" | "openSettingsFile">,
  readonly [command: string, ...given: string[]]
> = {
  showLog: ["localcoder.showLog"],
  openSettings: ["localcoder.openSettings"],
  reloadWindow: ["workbench.action.reloadWindow"],
  switchProfile: ["localcoder.switchProfile"],
  switchModel: ["localcoder.switchModel"],
  useFastProfile: ["localcoder.switchProfile", "fast"],
  showModels: ["localcoder.models.show"],
  installModel: ["localcoder.models.install"],
  verifyModel: ["localcoder.models.verify"],
  removeModel: ["localcoder.models.remove"],
  importModel: ["localcoder.models.import"],
  restartEngine: ["localcoder.restartEngine"],
  createReport: ["localcoder.createReport"],
};

/** Actions on one model or one setting, if the error names it. */
const OF_A_SUBJECT: readonly ButtonAction[] = [
  "openSettings",
  "installModel",
  "verifyModel",
  "removeModel",
];

/**
 * The argument of a button's command; if the error names nothing, the command asks or shows all.
 */
export function subjectOf(action: ButtonAction, error?: ErrorInfo): string[] {
  const subject = OF_A_SUBJECT.includes(action) ? error?.subject : undefined;
  return subject === undefined ? [] : [subject];
}

/** Errors whose message says everything, so that there is nothing more to learn about them. */
const SAYS_ALL: readonly ErrorCode[] = ["selectionEmpty", "cancelled"];

/** A button of an error. */
export interface ErrorButton {
  readonly action: ButtonAction;
  readonly title: string;
}

/** An error ready to be shown. */
export interface RenderedError {
  readonly severity: Severity;
  /** What happened, why, and what to do next, as sentences. */
  readonly text: string;
  readonly buttons: readonly ErrorButton[];
}

/** Puts an error into words. `canRetry`: whether the caller can repeat what failed. */
export function renderError(info: ErrorInfo, canRetry = false): RenderedError {
  const severity = SEVERITIES[info.code];
  const what = info.cause === undefined ? info.message : `${info.message}: ${info.cause}`;
  const text = [what, info.hint ?? ""].map(sentence).filter(Boolean).join(" ");
  const actions = new Set<ButtonAction>();
  const action = info.action ?? USUAL_ACTIONS[info.code];
  if (action !== undefined && (action !== "retry" || canRetry)) {
    actions.add(action);
  }
  if (severity === "error") {
    actions.add("showLog");
  }
  if (!SAYS_ALL.includes(info.code)) {
    actions.add("learnMore");
  }
  const buttons = [...actions].map((action) => ({ action, title: ACTION_TITLES[action] }));
  return { severity, text, buttons };
}

/** The line of a file that an error mentions, counted from one. */
export function lineOf({ message, cause = "" }: ErrorInfo): number | undefined {
  const line = /\bline (\d+)\b/u.exec(`${message} ${cause}`)?.[1];
  return line === undefined ? undefined : Math.max(1, Number(line));
}

/** One line for the log. */
export function logLine(info: ErrorInfo): string {
  const cause = info.cause === undefined ? "" : `: ${info.cause}`;
  return `${info.code}: ${info.message}${cause}`;
}

/** Whether a value from outside is an {@link ErrorInfo} of this version. */
export function isErrorInfo(value: unknown): value is ErrorInfo {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const { code, message } = value as Record<string, unknown>;
  return (
    typeof code === "string" && Object.hasOwn(ERROR_CODES, code) && typeof message === "string"
  );
}

/** What was thrown, as an {@link ErrorInfo}. JSON-RPC errors carry theirs in `data`. */
export function toErrorInfo(error: unknown): ErrorInfo {
  if (error instanceof HostError) {
    return error.info;
  }
  if (typeof error === "object" && error !== null && "data" in error && isErrorInfo(error.data)) {
    return error.data;
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: l10n.t("something unexpected happened: {0}", message),
    action: "showLog",
  };
}

/** Whether the user stopped it, which need not be reported. */
export function isCancelled(error: unknown): boolean {
  return toErrorInfo(error).code === "cancelled";
}

/** The error of a request that the user stopped. */
export function cancelled(): HostError {
  return new HostError({ code: "cancelled", message: l10n.t("the request was cancelled") });
}
