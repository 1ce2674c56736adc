/** Asks the host for edits: one at a time of each document, the newest one. */
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

/** What is shown while the edit is being written. */
export interface Watching {
  readonly onProgress: (progress: ProgressParams) => void;
  /** The edit as far as it is written; not asked for where absent. */
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

  /** Ends what is running on a document. */
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
      const trial = text === undefined ? await trialOf(this.#tests, target) : undefined;
      const params = {
        command: entry.id,
        document: text === undefined ? asked : { ...asked, text },
        selection: lines,
        drafts: onDraft !== undefined,
        // Those of the document are not those of the text that waits.
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

/** Names what is running on a document: a second one takes its place. */
function keyOf(source: vscode.Uri): string {
  return `edit ${source.toString()}`;
}
