/**
 * The script of the set-up's page: draws the state that the extension sends and reports clicks. It
 * keeps no state and decides nothing.
 */
import "../translated";

import type { SetupStep } from "../../generated/protocol";
import * as l10n from "../../lib/l10n";
import type { SetupPage } from "../../lib/setup";
import type { SetupMessage, SetupStateMessage } from "../../lib/setup-messages";

import { aboutParts } from "./about";
import { chooseParts } from "./choose";
import { find, make, setText } from "./dom";
import { downloadParts, moveProgress, testParts } from "./progress";

declare function acquireVsCodeApi(): { postMessage(message: SetupMessage): void };

const editor = acquireVsCodeApi();
const send = (message: SetupMessage): void => {
  editor.postMessage(message);
};

const STEPS: readonly (readonly [step: SetupStep, title: string])[] = [
  ["choose", l10n.t("Choose a model")],
  ["download", l10n.t("Download")],
  ["selfTest", l10n.t("Self-test")],
  ["done", l10n.t("Ready")],
];

/**
 * What each part shows, so that an unchanged part is not drawn again and keeps focus and scroll
 * position.
 */
const drawn = new Map<string, string>();
let shownStep: SetupStep | undefined;
/** What last received focus automatically, so that each thing does so only once. */
let begun = "";

function draw(page: SetupPage): void {
  const { report } = page;
  find("error").hidden = page.error === "";
  setText("error", page.error);
  setText("status", statusOf(page));
  if (report === undefined) {
    return;
  }
  setText("network", report.networkText);
  part("steps", report.step, () =>
    STEPS.map(([step, title]) => stepItem(step, title, report.step)),
  );
  switch (report.step) {
    case "choose":
    case "done":
      part("step", [report.recommended, report.list, report.machine, page.busy], () =>
        chooseParts(page, report, send),
      );
      break;
    case "download":
      part("step", [report.downloads, page.download?.id, page.download?.running], () =>
        downloadParts(page, report, send),
      );
      moveProgress(page.download);
      break;
    case "selfTest":
      part("step", [page.test], () => testParts(page, send));
      break;
  }
  part("about", [report.stored, report.airGap], () => aboutParts(report, send));
  goTo(report.step, page.test.report !== undefined);
}

/** Draws a part if what it shows has changed; focus returns to the element that had it. */
function part(id: string, shows: unknown, parts: () => readonly Node[]): void {
  const text = JSON.stringify([shownStepOf(id), shows]);
  if (drawn.get(id) === text) {
    return;
  }
  drawn.set(id, text);
  const active = document.activeElement;
  const focused = active instanceof HTMLElement ? active.dataset["testid"] : undefined;
  const had = active !== null && find(id).contains(active);
  find(id).replaceChildren(...parts());
  if (had && focused !== undefined) {
    find(id).querySelector<HTMLElement>(`[data-testid="${focused}"]`)?.focus();
  }
}

/** The step's own part is drawn again with each step. */
function shownStepOf(id: string): string {
  return id === "step" ? (find("steps").dataset["step"] ?? "") : "";
}

/** When a step begins or its test has ended, focus goes to what most users want to do next. */
function goTo(step: SetupStep, tested: boolean): void {
  if (shownStep !== step) {
    shownStep = step;
    document.querySelector("main")?.setAttribute("data-step", step);
    document.documentElement.scrollTop = 0;
  }
  focusFirst(`${step} ${tested && step === "selfTest" ? "tested" : ""}`);
}

/**
 * Does not take focus from another part of the window; in that case it is done when the user comes
 * to the page.
 */
function focusFirst(what: string): void {
  const first = find("step").querySelector<HTMLElement>("[data-first]");
  if (begun !== what && first !== null && document.hasFocus()) {
    begun = what;
    first.focus({ preventScroll: true });
  }
}

function stepItem(step: SetupStep, title: string, current: SetupStep): HTMLLIElement {
  const attributes: Record<string, string> = step === current ? { "aria-current": "step" } : {};
  return make("li", { attributes }, title);
}

function statusOf(page: SetupPage): string {
  if (page.report === undefined) {
    return page.error === "" ? l10n.t("Looking at this machine…") : "";
  }
  if (page.busy !== "") {
    return page.busy;
  }
  if (page.report.step === "selfTest") {
    const { trying, report } = page.test;
    return (
      report?.summary ??
      (trying === "" ? "" : l10n.t("Trying the model: {0}…", trying.toLowerCase()))
    );
  }
  return "";
}

let next: SetupPage | undefined;
let newestPage: SetupPage | undefined;

window.addEventListener("message", (event: MessageEvent<SetupStateMessage>) => {
  if (next === undefined) {
    requestAnimationFrame(() => {
      const newest = next;
      next = undefined;
      if (newest !== undefined) {
        newestPage = newest;
        draw(newest);
      }
    });
  }
  next = event.data.page;
});
window.addEventListener("focus", () => {
  if (newestPage !== undefined) {
    draw(newestPage);
  }
});
send({ type: "ready" });
