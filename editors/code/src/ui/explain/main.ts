/**
 * The script of the Explanation view: shows the state that the extension sends, and reports clicks
 * and questions. It keeps a question that is still being typed, and decides nothing.
 */
import "../translated";

import type { ErrorButton } from "../../lib/errors";
import type { Explanation } from "../../lib/explanation";
import * as l10n from "../../lib/l10n";
import type { StateMessage, ViewMessage } from "../../lib/messages";

import { element } from "./dom";
import { drawTurns } from "./turns";

declare function acquireVsCodeApi(): {
  postMessage(message: ViewMessage): void;
  getState(): unknown;
  setState(state: string): void;
};

const editor = acquireVsCodeApi();

const PHASE_TEXT: Record<Explanation["phase"], string> = {
  empty: l10n.t("Select code in an editor and run “LocalCoder: Explain Selection”."),
  working: "",
  streaming: "",
  done: "",
  cancelled: l10n.t("Stopped."),
  failed: "",
};

/** Closer to the end than this many pixels counts as at the end. */
const AT_END_PX = 40;

let shown: Explanation | undefined;
let next: Explanation | undefined;

/** Draws the latest state once per frame, however many arrive. */
function schedule(state: Explanation): void {
  if (next === undefined) {
    requestAnimationFrame(() => {
      const newest = next;
      next = undefined;
      if (newest !== undefined) {
        draw(newest);
      }
    });
  }
  next = state;
}

function isRunning(state: Explanation | undefined): boolean {
  return state?.phase === "working" || state?.phase === "streaming";
}

function draw(state: Explanation): void {
  const running = isRunning(state);
  element("explanation").dataset["phase"] = state.phase;
  element("header").hidden = state.phase === "empty";
  element("target").textContent = state.target;
  element("stop").hidden = !running;
  element("copy").hidden = running || state.turns.every((turn) => turn.text === "");
  element("changed").hidden = state.changed === "";
  setText(element("changed"), state.changed);
  setText(
    element("stage"),
    PHASE_TEXT[state.phase] || (running ? l10n.t("{0}…", state.stage) : ""),
  );
  drawText(state, running);
  element("error").hidden = state.phase !== "failed";
  setText(element("error-text"), state.error);
  if (shown?.buttons !== state.buttons) {
    element("error-buttons").replaceChildren(...state.buttons.map(errorButton));
  }
  element("ask").hidden = state.phase === "empty";
  shown = state;
  drawAsk();
}

function drawText(state: Explanation, running: boolean): void {
  const place = element("turns");
  // Busy while it grows, so that a screen reader reads the complete text once and not every word.
  place.setAttribute("aria-busy", String(running));
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < AT_END_PX;
  const isNewQuestion = state.turns.length > (shown?.turns.length ?? 0);
  const differs = drawTurns(place, state.turns, (turn, reference) => {
    editor.postMessage({ type: "jump", turn, reference });
  });
  if (isNewQuestion && state.turns.length > 1) {
    place.lastElementChild?.scrollIntoView({ block: "start" });
  } else if (differs && running && atEnd) {
    page.scrollTop = page.scrollHeight;
  }
}

/** Writes only what differs: a live region reads every write aloud. */
function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

function errorButton(button: ErrorButton): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = button.title;
  made.dataset["testid"] = `explanation-${button.action}`;
  made.addEventListener("click", () => {
    editor.postMessage({ type: "act", action: button.action });
  });
  return made;
}

const question = element("question") as HTMLTextAreaElement;

function drawAsk(): void {
  (element("send") as HTMLButtonElement).disabled =
    isRunning(shown) || question.value.trim() === "";
}

function ask(): void {
  if (!isRunning(shown) && question.value.trim() !== "") {
    editor.postMessage({ type: "ask", question: question.value });
    question.value = "";
    keepQuestion();
  }
}

function keepQuestion(): void {
  editor.setState(question.value);
  drawAsk();
}

question.addEventListener("input", keepQuestion);
question.addEventListener("keydown", (event) => {
  // While an input method composes, Enter accepts what it offers.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask();
  }
});
element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
});
element("send").addEventListener("click", ask);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isRunning(shown)) {
    event.preventDefault();
    editor.postMessage({ type: "stop" });
  }
});
window.addEventListener("message", (event: MessageEvent<StateMessage>) => {
  schedule(event.data.state);
});
element("stop").addEventListener("click", () => {
  editor.postMessage({ type: "stop" });
});
element("copy").addEventListener("click", () => {
  editor.postMessage({ type: "copy" });
});
const kept = editor.getState();
question.value = typeof kept === "string" ? kept : "";
drawAsk();
editor.postMessage({ type: "ready" });
