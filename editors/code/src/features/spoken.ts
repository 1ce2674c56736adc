/**
 * Says in the status bar what was decided on an edit, so that a screen reader reads it aloud: the
 * item's role makes it do so, and ordinary messages of the status bar have no such role.
 */
import * as vscode from "vscode";

import * as l10n from "../lib/l10n";

/** How long the message stays, in milliseconds: long enough to be read. */
const SHOWN_MS = 5_000;

export class Spoken implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.#item = vscode.window.createStatusBarItem("localcoder.decision");
    this.#item.name = l10n.t("LocalCoder: Decisions on Edits");
  }

  say(text: string): void {
    clearTimeout(this.#timer);
    this.#item.text = `$(check) ${text}`;
    this.#item.accessibilityInformation = { label: text, role: "status" };
    this.#item.show();
    this.#timer = setTimeout(() => {
      this.#item.hide();
    }, SHOWN_MS);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#item.dispose();
  }
}
