/**
 * The Explanation view: a webview that shows state which is kept here, so that hiding or moving the
 * view loses nothing. It runs only our own bundled script and can load nothing else.
 */
import * as vscode from "vscode";

import type { Reference } from "../generated/protocol";
import type { ButtonAction } from "../lib/errors";
import { EMPTY, markdownOf, QUESTION_CHARS_MAX } from "../lib/explanation";
import type { Explanation } from "../lib/explanation";
import * as l10n from "../lib/l10n";
import { readViewMessage } from "../lib/messages";
import type { StateMessage } from "../lib/messages";
import { escaped } from "../lib/words";

import { pageHtml, pageRoots } from "./page";

export const VIEW_ID = "localcoder.explanation";

/** Shortest time between two updates of the view, in milliseconds. */
const UPDATE_EVERY_MS = 50;

/** All fixed text; what varies comes as messages and is set as text. */
const BODY = `<main id="explanation" data-testid="explanation" data-phase="empty">
<header id="header" data-testid="explanation-header" hidden>
<strong id="target" data-testid="explanation-target"></strong>
<div id="tools" role="toolbar" aria-label="${escaped(l10n.t("Explanation"))}">
<button id="stop" data-testid="explanation-stop" type="button" hidden>${escaped(l10n.t("Stop"))}</button>
<button id="copy" data-testid="explanation-copy" type="button" hidden>${escaped(l10n.t("Copy"))}</button>
</div>
</header>
<p id="changed" data-testid="explanation-changed" role="status" aria-live="polite" hidden></p>
<div id="turns" data-testid="explanation-turns" role="log" aria-label="${escaped(l10n.t("Explanation text"))}" aria-live="polite"></div>
<p id="stage" data-testid="explanation-stage" role="status" aria-live="polite"></p>
<section id="error" data-testid="explanation-error" role="alert" hidden>
<p id="error-text" data-testid="explanation-error-text"></p>
<div id="error-buttons"></div>
</section>
<form id="ask" data-testid="explanation-ask" hidden>
<label for="question">${escaped(l10n.t("Ask about this code"))}</label>
<textarea id="question" data-testid="explanation-input" rows="1" maxlength="${QUESTION_CHARS_MAX}" placeholder="${escaped(l10n.t("for example: what if the list is empty?"))}"></textarea>
<button id="send" data-testid="explanation-send" type="button" class="main">${escaped(l10n.t("Ask"))}</button>
</form>
</main>`;

/** Callbacks for what the user does in the view. */
export interface ViewActions {
  stop(): void;
  act(action: ButtonAction): void;
  /** Asks a follow-up question. */
  ask(question: string): void;
  /** Shows the lines that a reference in an answer is about. */
  jump(reference: Reference): void;
}

export class ExplanationView implements vscode.WebviewViewProvider, vscode.Disposable {
  readonly #extension: vscode.Uri;
  readonly #actions: ViewActions;
  readonly #registration: vscode.Disposable;
  #state: Explanation = EMPTY;
  #view: vscode.WebviewView | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(extension: vscode.Uri, actions: ViewActions) {
    this.#extension = extension;
    this.#actions = actions;
    this.#registration = vscode.window.registerWebviewViewProvider(VIEW_ID, this);
  }

  get state(): Explanation {
    return this.#state;
  }

  /** Replaces the explanation; the view follows within {@link UPDATE_EVERY_MS}. */
  set state(state: Explanation) {
    this.#state = state;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#post();
    }, UPDATE_EVERY_MS);
  }

  /** Brings the view to the front; the editor keeps the focus where the view exists already. */
  async reveal(): Promise<void> {
    if (this.#view === undefined) {
      await vscode.commands.executeCommand(`${VIEW_ID}.focus`);
    } else {
      this.#view.show(true);
    }
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#view = view;
    const { webview } = view;
    webview.options = { enableScripts: true, localResourceRoots: pageRoots(this.#extension) };
    webview.onDidReceiveMessage((message: unknown) => {
      this.#receive(message);
    });
    view.onDidDispose(() => {
      this.#view = undefined;
    });
    webview.html = pageHtml(this.#extension, webview, {
      title: l10n.t("Explanation"),
      style: "explain.css",
      script: "explain.js",
      body: BODY,
    });
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#registration.dispose();
  }

  #receive(message: unknown): void {
    const read = readViewMessage(message);
    switch (read?.type) {
      case "ready":
        this.#post();
        break;
      case "stop":
        this.#actions.stop();
        break;
      case "copy":
        void vscode.env.clipboard.writeText(markdownOf(this.#state));
        vscode.window.setStatusBarMessage(`$(check) ${l10n.t("Explanation copied")}`, 3_000);
        break;
      case "act":
        this.#actions.act(read.action);
        break;
      case "ask":
        this.#actions.ask(read.question);
        break;
      case "jump": {
        const reference = this.#state.turns[read.turn]?.references[read.reference];
        if (reference !== undefined) {
          this.#actions.jump(reference);
        }
        break;
      }
      case undefined:
        break;
    }
  }

  #post(): void {
    const message: StateMessage = { type: "state", state: this.#state };
    void this.#view?.webview.postMessage(message);
  }
}
