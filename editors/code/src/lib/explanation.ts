/**
 * The state of the Explanation view, and every step it can take. Kept in the extension so that
 * a view that was hidden or moved shows the same again.
 */
import type { ErrorInfo, TextAnswer } from "../generated/protocol";

import { contextText, costText, cutText, omittedText, usageText } from "./answer";
import { ACTION_TITLES, renderError } from "./errors";
import type { ErrorButton } from "./errors";
import * as l10n from "./l10n";

/** Longest explanation that is kept, in characters; a model that does not stop is cut here. */
export const EXPLANATION_CHARS_MAX = 200_000;

/** Where an explanation is. */
export type Phase = "empty" | "working" | "streaming" | "done" | "cancelled" | "failed";

/** Everything the view shows. Plain data: it is posted to the webview. */
export interface Explanation {
  readonly phase: Phase;
  /** `inventory.py, lines 3–9`. */
  readonly target: string;
  /** Name of the model, once known. */
  readonly model: string;
  /** What is going on, in a few words. */
  readonly stage: string;
  /** The Markdown so far. */
  readonly text: string;
  /** What was cut or left out: always in plain view. */
  readonly notes: readonly string[];
  /** What it cost, in a few words; empty until it is done. */
  readonly cost: string;
  /** What it cost and what the model was given, with all numbers: shown when asked for. */
  readonly costDetails: readonly string[];
  /** Where it failed: what and what next. */
  readonly error: string;
  readonly buttons: readonly ErrorButton[];
}

/** Nothing was asked yet. */
export const EMPTY: Explanation = {
  phase: "empty",
  target: "",
  model: "",
  stage: "",
  text: "",
  notes: [],
  cost: "",
  costDetails: [],
  error: "",
  buttons: [],
};

/** A request was made. */
export function asked(target: string, model: string): Explanation {
  return { ...EMPTY, phase: "working", target, model, stage: l10n.t("starting") };
}

/** The host told how far it is. */
export function progressed(state: Explanation, stage: string): Explanation {
  return { ...state, stage };
}

/** A piece of the answer came. */
export function grown(state: Explanation, delta: string): Explanation {
  const text = (state.text + delta).slice(0, EXPLANATION_CHARS_MAX);
  return { ...state, phase: "streaming", text };
}

/** The answer is whole. */
export function answered(state: Explanation, answer: TextAnswer): Explanation {
  const { finish, context, usage } = answer;
  const notes = [cutText(finish), omittedText(context)].filter((note) => note !== undefined);
  const text = answer.text.slice(0, EXPLANATION_CHARS_MAX);
  const cost = costText(usage);
  const costDetails = [usageText(usage), contextText(context)];
  const model = answer.model.name;
  return { ...state, phase: "done", stage: "", text, notes, cost, costDetails, model };
}

/** There will be no (more) answer. What came so far stays. */
export function failedWith(state: Explanation, error: ErrorInfo): Explanation {
  if (error.code === "cancelled") {
    return { ...state, phase: "cancelled", stage: "" };
  }
  const { text, buttons } = renderError(error, true);
  const retry: ErrorButton = { action: "retry", title: ACTION_TITLES.retry };
  const others = buttons.filter((button) => button.action !== "retry");
  return { ...state, phase: "failed", stage: "", error: text, buttons: [retry, ...others] };
}
