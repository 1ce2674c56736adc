/**
 * The script of the Explanation view: shows the state that the extension sends and reports
 * clicks. It keeps nothing and decides nothing.
 */
import "../translated";

import type { ErrorButton } from "../../lib/errors";
import type { Explanation } from "../../lib/explanation";
import * as l10n from "../../lib/l10n";
import type { StateMessage, ViewMessage } from "../../lib/messages";

import { element, toDom } from "./dom";
import { parseMarkdown } from "./markdown";

declare function acquireVsCodeApi(): { postMessage(message: ViewMessage): void };

const editor = acquireVsCodeApi();

const PHASE_TEXT: Record<Explanation["phase"], string> = {
  empty: l10n.t("Select code in an editor and run “LocalCoder: Explain Selection”."),
  working: "",
  streaming: "",
  done: "",
  cancelled: l10n.t("Stopped."),
  failed: "",
};

let shown: Explanation | undefined;
let next: Explanation | undefined;

/** Draws the newest state once per frame, however many come. */
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

function draw(state: Explanation): void {
  const running = state.phase === "working" || state.phase === "streaming";
  element("explanation").dataset["phase"] = state.phase;
  element("header").hidden = state.phase === "empty";
  element("target").textContent = state.target;
  element("model").textContent = state.model;
  element("stop").hidden = !running;
  element("copy").hidden = running || state.text === "";
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
  element("footnotes").hidden = state.cost === "" && state.notes.length === 0;
  element("notes").replaceChildren(...state.notes.map(paragraph));
  element("cost").hidden = state.cost === "";
  setText(element("cost-summary"), state.cost);
  element("cost-details").replaceChildren(...state.costDetails.map(paragraph));
  shown = state;
}

function drawText(state: Explanation, running: boolean): void {
  const text = element("text");
  // Busy while it grows, so that a screen reader reads the whole once and not every word.
  text.setAttribute("aria-busy", String(running));
  if (shown?.text === state.text) {
    return;
  }
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  text.replaceChildren(toDom(parseMarkdown(state.text)));
  if (running && atEnd) {
    page.scrollTop = page.scrollHeight;
  }
}

/** Writes only what differs: a live region reads every write. */
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

function paragraph(text: string): HTMLParagraphElement {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

window.addEventListener("message", (event: MessageEvent<StateMessage>) => {
  schedule(event.data.state);
});
element("stop").addEventListener("click", () => {
  editor.postMessage({ type: "stop" });
});
element("copy").addEventListener("click", () => {
  editor.postMessage({ type: "copy" });
});
editor.postMessage({ type: "ready" });
