/**
 * The command that explains the selected lines. The answer streams into the Explanation view,
 * and so do errors: nothing pops up over the editor.
 */
import * as vscode from "vscode";

import type { ErrorAction } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { HostError, logLine, toErrorInfo } from "../lib/errors";
import { answered, asked, failedWith, grown, progressed } from "../lib/explanation";
import { progressText } from "../lib/progress";
import type { Running } from "../lib/running";

import { ExplanationView } from "./explanation-view";
import type { Notifier } from "./notify";
import { currentTarget, documentText, targetLabel } from "./target";
import type { Target } from "./target";

/** One explanation at a time: there is one view. */
const KEY = "explain";

/** See the module. */
export function registerExplain(
  extension: vscode.Uri,
  host: HostConnection,
  running: Running,
  notifier: Notifier,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  const explain = new Explain(extension, host, running, notifier, log);
  return vscode.Disposable.from(
    explain.view,
    vscode.commands.registerCommand("localcoder.explainSelection", () => explain.selection()),
  );
}

class Explain {
  readonly view: ExplanationView;
  readonly #host: HostConnection;
  readonly #running: Running;
  readonly #notifier: Notifier;
  readonly #log: vscode.LogOutputChannel;
  #last: (Target & { readonly version: number }) | undefined;
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

  async selection(): Promise<void> {
    try {
      const target = currentTarget("explain");
      await this.#explain(target);
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  #act(action: ErrorAction): void {
    this.#notifier.act(action, () => {
      const last = this.#last;
      // The lines are only known to be the same code where the document is the same.
      void (last !== undefined && !last.document.isClosed && last.document.version === last.version
        ? this.#explain(last)
        : this.selection());
    });
  }

  async #explain(target: Target): Promise<void> {
    const { document, lines } = target;
    this.#last = { ...target, version: document.version };
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
      const params = { document: documentText(document), selection: lines };
      const answer = await this.#running.run(KEY, (signal) =>
        this.#host.ask("explain", params, {
          signal,
          onProgress: (progress) => {
            update((state) => progressed(state, progressText(progress)));
          },
          onDelta: (delta) => {
            update((state) => grown(state, delta.text));
          },
        }),
      );
      update((state) => answered(state, answer));
    } catch (error) {
      const info = toErrorInfo(error);
      this.#log[error instanceof HostError ? "warn" : "error"](logLine(info));
      update((state) => failedWith(state, info));
    }
  }
}
