/**
 * The commands whose answer is a text about the selected lines. It streams into the Explanation view,
 * and so do errors: nothing pops up over the editor.
 */
import * as vscode from "vscode";

import type { CommandEntry, ErrorInfo } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { expectKind } from "../lib/answer";
import { HostError, logLine, toErrorInfo } from "../lib/errors";
import type { ButtonAction } from "../lib/errors";
import { answered, asked, failedWith, grown, progressed } from "../lib/explanation";
import { progressText } from "../lib/progress";
import type { Running } from "../lib/running";

import { diagnosticsOf } from "./diagnostics";
import { ExplanationView } from "./explanation-view";
import type { Notifier } from "./notify";
import { chosenTarget } from "./scope";
import { documentText, targetLabel } from "./target";
import type { Target } from "./target";

/** One text at a time: there is one view. */
const KEY = "text";

/** See the module. */
export class Texts {
  readonly view: ExplanationView;
  readonly #host: HostConnection;
  readonly #running: Running;
  readonly #notifier: Notifier;
  readonly #log: vscode.LogOutputChannel;
  /** What is done again when that is asked for, with what is selected then. */
  #last: CommandEntry | undefined;
  /** How that one failed, where it did. */
  #failed: ErrorInfo | undefined;
  #run = 0;

  constructor(
    extension: vscode.Uri,
    host: HostConnection,
    running: Running,
    notifier: Notifier,
    log: vscode.LogOutputChannel,
  ) {
    this.#host = host;
    this.#running = running;
    this.#notifier = notifier;
    this.#log = log;
    this.view = new ExplanationView(extension, {
      stop: () => {
        running.cancel(KEY);
      },
      act: (action) => {
        this.#act(action);
      },
    });
  }

  async run(entry: CommandEntry): Promise<void> {
    try {
      const target = await chosenTarget(this.#host, entry.id);
      if (target !== undefined) {
        await this.#ask(entry, target);
      }
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  #act(action: ButtonAction): void {
    const retry = (): void => {
      if (this.#last !== undefined) {
        void this.run(this.#last);
      }
    };
    this.#notifier.act(action, { retry, ...(this.#failed && { error: this.#failed }) });
  }

  async #ask(entry: CommandEntry, target: Target): Promise<void> {
    const { document, lines } = target;
    this.#last = entry;
    this.#failed = undefined;
    this.#run += 1;
    const run = this.#run;
    // A late word of an explanation that was replaced must not enter the new one.
    const update = (step: (state: typeof this.view.state) => typeof this.view.state): void => {
      if (run === this.#run) {
        this.view.state = step(this.view.state);
      }
    };
    this.view.state = asked(targetLabel(target), this.#host.status?.model?.name ?? "");
    await this.view.reveal();
    try {
      const params = {
        command: entry.id,
        document: documentText(document),
        selection: lines,
        diagnostics: diagnosticsOf(document, lines),
      };
      const answer = await this.#running.run(KEY, (signal) =>
        this.#host.ask("assist", params, {
          signal,
          onProgress: (progress) => {
            update((state) => progressed(state, progressText(progress)));
          },
          onDelta: (delta) => {
            update((state) => grown(state, delta.text));
          },
        }),
      );
      update((state) => answered(state, expectKind(answer, "text")));
    } catch (error) {
      const info = toErrorInfo(error);
      this.#log[error instanceof HostError ? "warn" : "error"](logLine(info));
      update((state) => {
        this.#failed = info;
        return failedWith(state, info);
      });
    }
  }
}
