/**
 * The commands whose answer is a text about the selected lines, and follow-up questions. Everything
 * streams into the Explanation view, errors included: nothing pops up over the editor.
 */
import * as vscode from "vscode";

import type { AssistParams, CommandEntry, ErrorInfo, Reference } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { expectKind } from "../lib/answer";
import { HostError, logLine, toErrorInfo } from "../lib/errors";
import type { ButtonAction } from "../lib/errors";
import {
  answered,
  asked,
  askedAlso,
  compared,
  conversationOf,
  failedWith,
  grown,
  progressed,
} from "../lib/explanation";
import { progressText } from "../lib/progress";
import type { Running } from "../lib/running";

import { diagnosticsOf } from "./diagnostics";
import { ExplanationView } from "./explanation-view";
import { FollowedFile } from "./moves";
import type { Notifier } from "./notify";
import { goTo } from "./references";
import { chosenTarget } from "./scope";
import { documentName, documentText, targetLabel } from "./target";
import type { Target } from "./target";

/** The key of the request: one text at a time, because there is one view. */
const KEY = "text";

/**
 * What questions are about: the lines as they were when they were explained, whatever happens to
 * them later.
 */
interface Subject {
  readonly params: Omit<AssistParams, "requestId">;
  readonly file: FollowedFile;
}

export class Texts implements vscode.Disposable {
  readonly view: ExplanationView;
  readonly #host: HostConnection;
  readonly #running: Running;
  readonly #notifier: Notifier;
  readonly #log: vscode.LogOutputChannel;
  readonly #watched: vscode.Disposable;
  #subject: Subject | undefined;
  /** The action of *Retry*. */
  #again: () => void = () => undefined;
  /** How the last request failed, if it did. */
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
      ask: (question) => {
        void this.#askAlso(question);
      },
      jump: (reference) => {
        void this.#jump(reference);
      },
    });
    this.#watched = vscode.workspace.onDidChangeTextDocument(({ document }) => {
      this.#compare(document);
    });
  }

  async run(entry: CommandEntry): Promise<void> {
    try {
      const target = await chosenTarget(this.#host, entry.id);
      if (target !== undefined) {
        // A retry works on what is selected at that time.
        this.#again = () => void this.run(entry);
        await this.#explain(entry, target);
      }
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  dispose(): void {
    this.#watched.dispose();
    this.#subject?.file.dispose();
    this.view.dispose();
  }

  #act(action: ButtonAction): void {
    const retry = this.#again;
    this.#notifier.act(action, { retry, ...(this.#failed && { error: this.#failed }) });
  }

  async #explain(entry: CommandEntry, target: Target): Promise<void> {
    const { document, lines } = target;
    const params = {
      command: entry.id,
      document: documentText(document),
      selection: lines,
      diagnostics: diagnosticsOf(document, lines),
    };
    this.#subject?.file.dispose();
    this.#subject = { params, file: new FollowedFile(document.uri) };
    this.view.state = asked(targetLabel(target));
    await this.#ask(params);
  }

  /** A follow-up question about the same lines, with the whole conversation before it. */
  async #askAlso(question: string): Promise<void> {
    const { state } = this.view;
    if (this.#subject === undefined || this.#running.has(KEY)) {
      return;
    }
    const { params } = this.#subject;
    this.#again = () => void this.#askAlso(question);
    this.view.state = askedAlso(state, question);
    await this.#ask({ ...params, instruction: question, conversation: conversationOf(state) });
  }

  async #ask(params: Subject["params"]): Promise<void> {
    this.#failed = undefined;
    this.#run += 1;
    const run = this.#run;
    // A late delta of an explanation that was replaced must not get into the new one.
    const update = (step: (state: typeof this.view.state) => typeof this.view.state): void => {
      if (run === this.#run) {
        this.view.state = step(this.view.state);
      }
    };
    await this.view.reveal();
    try {
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

  async #jump(reference: Reference): Promise<void> {
    if (this.#subject === undefined) {
      return;
    }
    try {
      await goTo(this.#host, await this.#subject.file.settled(), reference);
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  #compare(document: vscode.TextDocument): void {
    if (this.#subject?.file.isAt(document.uri) === true) {
      const isSame = document.getText() === this.#subject.params.document.text;
      const state = compared(this.view.state, documentName(document), isSame);
      if (state !== this.view.state) {
        this.view.state = state;
      }
    }
  }
}
