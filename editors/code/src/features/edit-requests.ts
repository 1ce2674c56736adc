/** Asks the host for edits: one request per document at a time, the newest one. */
import type * as vscode from "vscode";

import type { CommandEntry, EditAnswer, ProgressParams } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import type { TestsProgram } from "../host/tests";
import { expectKind } from "../lib/answer";
import type { Running } from "../lib/running";

import { diagnosticsOf } from "./diagnostics";
import type { Written } from "./locate";
import { documentText } from "./target";
import { trialOf } from "./trials";
import type { Wish } from "./wish";

/** Callbacks that show progress while the edit is being written. */
export interface Watching {
  readonly onProgress: (progress: ProgressParams) => void;
  /** Receives the edit as far as it is written; drafts are not requested without it. */
  readonly onDraft?: (draft: Written) => void;
}

export class EditRequests {
  readonly #host: HostConnection;
  readonly #tests: TestsProgram;
  readonly #running: Running;

  constructor(host: HostConnection, tests: TestsProgram, running: Running) {
    this.#host = host;
    this.#tests = tests;
    this.#running = running;
  }

  /** Cancels the request that runs for a document. */
  cancel(source: vscode.Uri): void {
    this.#running.cancel(keyOf(source));
  }

  async ask(
    entry: CommandEntry,
    wish: Wish,
    watching: (signal: AbortSignal) => Watching,
  ): Promise<EditAnswer> {
    const { target, text, instruction, profile, pending, variation, about } = wish;
    const { document, lines } = target;
    const asked = documentText(document);
    return await this.#running.run(keyOf(document.uri), async (signal) => {
      const { onProgress, onDraft } = watching(signal);
      // What a tool reports is to be fixed, which changes what the code does.
      const command = about === undefined ? entry.id : undefined;
      const trial =
        text === undefined
          ? await trialOf(this.#tests, target, { command, instruction })
          : undefined;
      const params = {
        command: entry.id,
        document: text === undefined ? asked : { ...asked, text },
        selection: lines,
        drafts: onDraft !== undefined,
        // The document's diagnostics do not apply to the text of the pending edit.
        diagnostics: pending === undefined ? diagnosticsOf(document, lines, about) : [],
        ...(trial === undefined ? {} : { test: trial.before }),
        ...(pending === undefined ? {} : { pending }),
        ...(variation === undefined ? {} : { variation }),
        ...(instruction === undefined ? {} : { instruction }),
        ...(profile === undefined ? {} : { settings: { profile } }),
      };
      const answer = await this.#host.ask("assist", params, {
        signal,
        onProgress,
        ...(trial === undefined ? {} : { onTryEdit: trial.run }),
        ...(onDraft === undefined ? {} : { onDraft }),
      });
      return expectKind(answer, "edit");
    });
  }
}

/** The key of a document's request: a second request with the same key replaces the first. */
function keyOf(source: vscode.Uri): string {
  return `edit ${source.toString()}`;
}
