/**
 * The messages between the extension and the Explanation view. The view is not trusted: it may send
 * only a name from a closed list, the number of something that it was shown, or the user's
 * question.
 */
import type { ButtonAction } from "./errors";
import { QUESTION_CHARS_MAX } from "./explanation";
import type { Explanation } from "./explanation";

/** Extension to view: everything to show. */
export interface StateMessage {
  readonly type: "state";
  readonly state: Explanation;
}

/** View to extension. */
export type ViewMessage =
  | { readonly type: "ready" }
  | { readonly type: "stop" }
  | { readonly type: "copy" }
  | { readonly type: "act"; readonly action: ButtonAction }
  | { readonly type: "ask"; readonly question: string }
  | { readonly type: "jump"; readonly turn: number; readonly reference: number };

const ACTIONS: Record<ButtonAction, true> = {
  retry: true,
  showLog: true,
  openSettings: true,
  openSettingsFile: true,
  reloadWindow: true,
  switchProfile: true,
  switchModel: true,
  useFastProfile: true,
  showModels: true,
  installModel: true,
  verifyModel: true,
  removeModel: true,
  importModel: true,
  restartEngine: true,
  createReport: true,
  learnMore: true,
};

/** Parses what the view sent; `undefined` if it is malformed. */
export function readViewMessage(value: unknown): ViewMessage | undefined {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const { type, action, question, turn, reference } = value as Record<string, unknown>;
  switch (type) {
    case "ready":
    case "stop":
    case "copy":
      return { type };
    case "act":
      return isAction(action) ? { type, action } : undefined;
    case "ask":
      return isQuestion(question) ? { type, question: question.trim() } : undefined;
    case "jump":
      return isIndex(turn) && isIndex(reference) ? { type, turn, reference } : undefined;
    default:
      return undefined;
  }
}

function isQuestion(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value.length <= QUESTION_CHARS_MAX;
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isAction(value: unknown): value is ButtonAction {
  return typeof value === "string" && Object.hasOwn(ACTIONS, value);
}
