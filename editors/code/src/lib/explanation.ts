/**
 * The state of the Explanation view, and every step it can take. Kept in the extension so that
 * a view that was hidden or moved shows the same again.
 */
import type { ErrorInfo, Exchange, Reference, TextAnswer } from "../generated/protocol";

import { contextText, cutText, forgottenText, omittedText, secondsText, usageText } from "./answer";
import { ACTION_TITLES, renderError } from "./errors";
import type { ErrorButton } from "./errors";
import * as l10n from "./l10n";
import { plain } from "./words";

/** Longest answer that is kept, in characters; a model that does not stop is cut here. */
export const EXPLANATION_CHARS_MAX = 200_000;

/** Longest question, in characters. */
export const QUESTION_CHARS_MAX = 2_000;

/** Where an explanation is. */
export type Phase = "empty" | "working" | "streaming" | "done" | "cancelled" | "failed";

/** What was asked, and the answer as far as it has come. */
export interface Turn {
  /** The question; empty where the code was to be explained. */
  readonly question: string;
  /** The Markdown so far. */
  readonly text: string;
  /** What of it leads to a line. */
  readonly references: readonly Reference[];
  /** What was cut or left out: always in plain view. */
  readonly notes: readonly string[];
  /** Whose answer it is and how long that took; empty until it is done. */
  readonly facts: string;
  /** What it cost and what the model was given, with all numbers: shown when asked for. */
  readonly details: readonly string[];
}

/** Everything the view shows. Plain data: it is posted to the webview. */
export interface Explanation {
  readonly phase: Phase;
  /** `inventory.py, lines 3–9`. */
  readonly target: string;
  /** That the document is not what was asked about any more; empty where it is. */
  readonly changed: string;
  /** What is going on, in a few words. */
  readonly stage: string;
  /** The explanation, and the questions after it. The last one may be under way. */
  readonly turns: readonly Turn[];
  /** Where it failed: what and what next. */
  readonly error: string;
  readonly buttons: readonly ErrorButton[];
}

/** Nothing was asked yet. */
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

/** Code is to be explained: what was in the view goes. */
export function asked(target: string): Explanation {
  return { ...EMPTY, phase: "working", target, stage: l10n.t("starting"), turns: [NEW_TURN] };
}

/** A question was asked. One before it that has no answer goes. */
export function askedAlso(state: Explanation, question: string): Explanation {
  const turns = [...state.turns.filter(isAnswered), { ...NEW_TURN, question }];
  return { ...state, phase: "working", stage: l10n.t("starting"), turns, error: "", buttons: [] };
}

/** Whether there is anything to be read; one that was stopped counts as far as it came. */
function isAnswered(turn: Turn): boolean {
  return turn.text.trim() !== "";
}

/** The host reported its progress. */
export function progressed(state: Explanation, stage: string): Explanation {
  return { ...state, stage };
}

/** A piece of the answer came. */
export function grown(state: Explanation, delta: string): Explanation {
  return {
    ...withLast(state, (turn) => ({
      ...turn,
      text: (turn.text + delta).slice(0, EXPLANATION_CHARS_MAX),
    })),
    phase: "streaming",
  };
}

/** The answer is whole. */
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

/** The document is, or is no longer, what was asked about. */
export function compared(state: Explanation, name: string, isSame: boolean): Explanation {
  const changed = isSame
    ? ""
    : l10n.t("{0} has changed. What is said here is about the code as it was.", name);
  return changed === state.changed ? state : { ...state, changed };
}

/** The conversation so far, for the host. */
export function conversationOf(state: Explanation): Exchange[] {
  return state.turns.filter(isAnswered).map(({ question, text }) => ({
    ...(question !== "" && { question }),
    answer: text,
  }));
}

/** All of it as Markdown. */
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
