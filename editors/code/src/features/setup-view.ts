/**
 * The page of the set-up in the editor area: a webview that runs only our own bundled script, can
 * load nothing else, and keeps no state.
 */
import * as vscode from "vscode";

import * as l10n from "../lib/l10n";
import type { SetupPage } from "../lib/setup";
import { readSetupMessage } from "../lib/setup-messages";
import type { SetupMessage, SetupStateMessage } from "../lib/setup-messages";
import { escaped } from "../lib/words";

import { pageHtml, pageRoots } from "./page";

const VIEW_TYPE = "localcoder.setup";

/** Shortest time between two updates of the page, in milliseconds. */
const UPDATE_EVERY_MS = 50;

/** All fixed text; what varies comes as messages and is set as text. */
const BODY = `<main data-testid="setup" data-step="">
<h1>${escaped(l10n.t("Set up LocalCoder"))}</h1>
<p id="network"></p>
<nav aria-label="${escaped(l10n.t("Steps"))}"><ol id="steps"></ol></nav>
<p id="status" role="status" data-testid="setup-status"></p>
<p id="error" role="alert" data-testid="setup-error" hidden></p>
<div id="step"></div>
<div id="about"></div>
</main>`;

export class SetupView implements vscode.Disposable {
  readonly #extension: vscode.Uri;
  readonly #received: (message: SetupMessage) => void;
  #panel: vscode.WebviewPanel | undefined;
  #next: SetupPage | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(extension: vscode.Uri, received: (message: SetupMessage) => void) {
    this.#extension = extension;
    this.#received = received;
  }

  get isOpen(): boolean {
    return this.#panel !== undefined;
  }

  /** Opens the page, or brings it to the front. */
  open(): void {
    if (this.#panel !== undefined) {
      this.#panel.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      VIEW_TYPE,
      l10n.t("Set Up LocalCoder"),
      vscode.ViewColumn.Active,
      {
        enableScripts: true,
        enableFindWidget: true,
        localResourceRoots: pageRoots(this.#extension),
      },
    );
    this.#panel = panel;
    panel.onDidDispose(() => {
      this.#panel = undefined;
    });
    panel.webview.onDidReceiveMessage((message: unknown) => {
      const read = readSetupMessage(message);
      if (read !== undefined) {
        this.#received(read);
      }
    });
    panel.webview.html = pageHtml(this.#extension, panel.webview, {
      title: l10n.t("Set Up LocalCoder"),
      style: "setup.css",
      script: "setup.js",
      body: BODY,
    });
  }

  /** Shows a state within {@link UPDATE_EVERY_MS}. */
  show(page: SetupPage): void {
    this.#next = page;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#next !== undefined) {
        const message: SetupStateMessage = { type: "state", page: this.#next };
        void this.#panel?.webview.postMessage(message);
      }
    }, UPDATE_EVERY_MS);
  }

  close(): void {
    this.#panel?.dispose();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.close();
  }
}
