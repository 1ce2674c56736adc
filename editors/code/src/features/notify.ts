/**
 * Shows errors: message, cause and next step, with the buttons that the host suggests. This is the
 * only place where an error becomes a notification.
 */
import * as vscode from "vscode";

import type { ErrorInfo } from "../generated/protocol";
import {
  ACTION_COMMANDS,
  isCancelled,
  lineOf,
  logLine,
  renderError,
  subjectOf,
  toErrorInfo,
} from "../lib/errors";
import type { ButtonAction } from "../lib/errors";
import { buttonsFor } from "../lib/words";

import { openSettingsFile } from "./settings";

export class Notifier {
  readonly #log: vscode.LogOutputChannel;

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  /** Logs and shows what was thrown. `retry`: repeats what failed. */
  error(error: unknown, retry?: () => void): void {
    const info = toErrorInfo(error);
    const { severity, text, buttons } = renderError(info, retry !== undefined);
    if (severity === "silent") {
      this.#log.info(logLine(info));
      return;
    }
    this.#log[severity === "information" ? "info" : severity === "warning" ? "warn" : "error"](
      logLine(info),
    );
    const show = {
      information: vscode.window.showInformationMessage,
      warning: vscode.window.showWarningMessage,
      error: vscode.window.showErrorMessage,
    }[severity];
    const titles = buttons.map(({ title }) => title);
    void show(text, ...buttonsFor(text, titles)).then((pressed) => {
      const button = buttons.find(({ title }) => title === pressed);
      if (button !== undefined) {
        this.act(button.action, { error: info, ...(retry && { retry }) });
      }
    });
  }

  /** Runs an action and shows what goes wrong, unless the user stopped it. `again`: the retry. */
  async guarded(
    act: () => Promise<void>,
    again: () => Promise<void> = () => this.guarded(act),
  ): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!isCancelled(error)) {
        this.error(error, () => void again());
      }
    }
  }

  /** Writes to the log only. */
  note(text: string): void {
    this.#log.info(text);
  }

  /** Does what the button of an error or a suggestion says. */
  act(
    action: ButtonAction,
    { error, retry }: { error?: ErrorInfo; retry?: () => void } = {},
  ): void {
    if (action === "retry") {
      retry?.();
    } else if (action === "learnMore") {
      void vscode.commands.executeCommand("localcoder.showHelp", error?.code);
    } else if (action === "openSettingsFile") {
      void openSettingsFile(error && lineOf(error));
    } else {
      void vscode.commands.executeCommand(...ACTION_COMMANDS[action], ...subjectOf(action, error));
    }
  }
}
