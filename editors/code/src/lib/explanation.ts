/**
 * The state of the Explanation view, and every step that it can take. Kept in the extension so that
 * a view that was hidden or moved shows the same again.
 */
import type { ErrorInfo, Exchange, Reference, TextAnswer } from "../generated/protocol";

import { contextText, cutText, forgottenText, omittedText, secondsText, usageText } from "./answer";
import { ACTION_TITLES, renderError } from "./errors";
import type { ErrorButton } from "./errors";
import * as l10n from "./l10n";
import { plain } from "./words";

/** Longest answer that is kept, in characters; a model that does not stop is cut off here. */
export const EXPLANATION_CHARS_MAX = 200_000;

/** Longest question, in characters. */
export const QUESTION_CHARS_MAX = 2_000;

/** The phases of an explanation. */
export type Phase = "empty" | "working" | "streaming" | "done" | "cancelled" | "failed";

/** One question, and its answer as far as it has arrived. */
export interface Turn {
  /** The question; empty for the explanation of the code itself. */
  readonly question: string;
  /** The answer's Markdown so far. */
  readonly text: string;
  /** The words in the answer that link to a line. */
  readonly references: readonly Reference[];
  /** What was cut or left out; always visible. */
  readonly notes: readonly string[];
  /** The model's name and the time that it took; empty until the answer is complete. */
  readonly facts: string;
  /** The cost and what the model was given, with all numbers; shown on request. */
  readonly details: readonly string[];
}

/** Everything the view shows. Plain data, because it is posted to the webview. */
export interface Explanation {
  readonly phase: Phase;
  /** Such as `inventory.py, lines 3–9`. */
  readonly target: string;
  /** Says that the document has changed since the question; empty if it has not. */
  readonly changed: string;
  /** The current stage, in a few words. */
  readonly stage: string;
  /** The explanation, and the questions after it. The last one may still be running. */
  readonly turns: readonly Turn[];
  /** If it failed: what happened and what to do next. */
  readonly error: string;
  readonly buttons: readonly ErrorButton[];
}

/** The state before anything was asked. */
export const EMPTY: Explanation = {
  phase: "empty",
  target: "",
  changed: "",
  stage: "",
  turns: [],
  error: "",
  buttons: [],
};

const NEW_TURN: Turn = {
  question: "",
  text: "",
  references: [],
  notes: [],
  facts: "",
  details: [],
};

/** A new explanation was requested: what was in the view is discarded. */
export function asked(target: string): Explanation {
  return { ...EMPTY, phase: "working", target, stage: l10n.t("starting"), turns: [NEW_TURN] };
}

/** A question was asked. An unanswered one before it is discarded. */
export function askedAlso(state: Explanation, question: string): Explanation {
  const turns = [...state.turns.filter(isAnswered), { ...NEW_TURN, question }];
  return { ...state, phase: "working", stage: l10n.t("starting"), turns, error: "", buttons: [] };
}

/** Whether there is anything to read; a stopped answer counts, as far as it got. */
function isAnswered(turn: Turn): boolean {
  return turn.text.trim() !== "";
}

/** The host reported progress. */
export function progressed(state: Explanation, stage: string): Explanation {
  return { ...state, stage };
}

/** A piece of the answer arrived. */
export function grown(state: Explanation, delta: string): Explanation {
  return {
    ...withLast(state, (turn) => ({
      ...turn,
      text: (turn.text + delta).slice(0, EXPLANATION_CHARS_MAX),
    })),
    phase: "streaming",
  };
}

/** The answer is complete. */
export function answered(state: Explanation, answer: TextAnswer): Explanation {
  const { finish, context, usage, references } = answer;
  const notes = [
    ...answer.notes.map(plain),
    cutText(finish),
    omittedText(context),
    forgottenText(context),
  ];
  const text = answer.text.slice(0, EXPLANATION_CHARS_MAX);
  if (text.trim() === "") {
    notes.unshift(
      l10n.t("The model had nothing to say. Ask in other words, or use a larger model."),
    );
  }
  const done = withLast(state, (turn) => ({
    ...turn,
    text,
    references,
    notes: notes.filter((note) => note !== undefined),
    facts: `${answer.model.name} · ${secondsText(usage)}`,
    details: [usageText(usage), contextText(context)],
  }));
  return { ...done, phase: "done", stage: "" };
}

/** There will be no (more) answer. What has arrived stays. */
export function failedWith(state: Explanation, error: ErrorInfo): Explanation {
  if (error.code === "cancelled") {
    return { ...state, phase: "cancelled", stage: "" };
  }
  const { text, buttons } = renderError(error, true);
  const retry: ErrorButton = { action: "retry", title: ACTION_TITLES.retry };
  const others = buttons.filter((button) => button.action !== "retry");
  return { ...state, phase: "failed", stage: "", error: text, buttons: [retry, ...others] };
}

/** The document was compared with what was asked about: it is the same, or no longer. */
export function compared(state: Explanation, name: string, isSame: boolean): Explanation {
  const changed = isSame
    ? ""
    : l10n.t("{0} has changed. What is said here is about the code as it was.", name);
  return changed === state.changed ? state : { ...state, changed };
}

/** The conversation so far, as the host expects it. */
export function conversationOf(state: Explanation): Exchange[] {
  return state.turns.filter(isAnswered).map(({ question, text }) => ({
    ...(question !== "" && { question }),
    answer: text,
  }));
}

/** The whole conversation as Markdown. */
export function markdownOf(state: Explanation): string {
  const parts = state.turns.flatMap(({ question, text }) => [
    ...(question === "" ? [] : [`## ${question.replaceAll(/\s+/gu, " ")}`]),
    text.trim(),
  ]);
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function withLast(state: Explanation, change: (turn: Turn) => Turn): Explanation {
  const last = state.turns.at(-1);
  return last === undefined
    ? state
    : { ...state, turns: [...state.turns.slice(0, -1), change(last)] };
}
