/**
 * The commands whose answer is an edit of the selected lines. The host writes the edit; here it is asked for,
 * its progress shown, and the result handed to the previews.
 */
import * as vscode from "vscode";

import type { CommandEntry, EditAnswer, ErrorInfo } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { contextText, expectKind, omittedText, unchangedText, usageText } from "../lib/answer";
import { toErrorInfo } from "../lib/errors";
import { lineLabel } from "../lib/lines";
import { progressText } from "../lib/progress";
import type { Running } from "../lib/running";
import { plain } from "../lib/words";

import { FollowedFile } from "./moves";
import type { Notifier } from "./notify";
import type { Previews } from "./previews";
import { currentTarget, documentName, documentText } from "./target";
import type { Target } from "./target";

/** Longest instruction, in characters. */
const INSTRUCTION_CHARS_MAX = 2_000;

/** How long it is told what the model was given and what not, in milliseconds. */
const CONTEXT_SHOWN_MS = 15_000;

/** What the commands return to a caller; nothing where there was nothing to work on. */
export type EditOutcome =
  | { readonly kind: "preview"; readonly answer: EditAnswer }
  | { readonly kind: "unchanged"; readonly answer: EditAnswer }
  | { readonly kind: "failed"; readonly error: ErrorInfo };

/** See the module. */
export class Edits {
  readonly #host: HostConnection;
  readonly #running: Running;
  readonly #previews: Previews;
  readonly #notifier: Notifier;

  constructor(host: HostConnection, running: Running, previews: Previews, notifier: Notifier) {
    this.#host = host;
    this.#running = running;
    this.#previews = previews;
    this.#notifier = notifier;
  }

  /** `given`: the instruction, from a keybinding's arguments; asked for where absent. */
  async run(entry: CommandEntry, given: unknown): Promise<EditOutcome | undefined> {
    const target = this.#target(entry);
    if (target === undefined) {
      return undefined;
    }
    if (!entry.asksInstruction) {
      return await this.#edit(entry, target, undefined);
    }
    const instruction = typeof given === "string" ? given : await askInstruction(target);
    const wanted = instruction?.trim() ?? "";
    return wanted === "" ? undefined : await this.#edit(entry, target, wanted);
  }

  #target(entry: CommandEntry): Target | undefined {
    try {
      return currentTarget(entry.id);
    } catch (error) {
      this.#notifier.error(error);
      return undefined;
    }
  }

  async #edit(
    entry: CommandEntry,
    target: Target,
    instruction: string | undefined,
  ): Promise<EditOutcome> {
    const file = new FollowedFile(target.document.uri);
    try {
      const answer = await this.#ask(entry, target, instruction);
      showWarnings(answer);
      this.#notifier.note(`${usageText(answer.usage)}. ${contextText(answer.context)}.`);
      if (answer.unchanged) {
        void vscode.window.showInformationMessage(
          unchangedText(answer, entry.nothing, lineLabel(target.lines)),
        );
        return { kind: "unchanged", answer };
      }
      await this.#previews.open(entry, await file.settled(), answer);
      return { kind: "preview", answer };
    } catch (error) {
      this.#notifier.error(error, () => {
        void this.run(entry, instruction);
      });
      return { kind: "failed", error: toErrorInfo(error) };
    } finally {
      file.dispose();
    }
  }

  async #ask(
    entry: CommandEntry,
    target: Target,
    instruction: string | undefined,
  ): Promise<EditAnswer> {
    const { document, lines } = target;
    const params = {
      command: entry.id,
      document: documentText(document),
      selection: lines,
      ...(instruction === undefined ? {} : { instruction }),
    };
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: `${entry.doing} ${documentName(document)}, ${lineLabel(lines)}`,
      cancellable: true,
    };
    const key = `edit ${document.uri.toString()}`;
    return await vscode.window.withProgress(options, (progress, token) =>
      this.#running.run(key, async (signal) => {
        token.onCancellationRequested(() => {
          this.#running.cancel(key);
        });
        const answer = await this.#host.ask("assist", params, {
          signal,
          onProgress: (update) => {
            progress.report({ message: progressText(update) });
          },
        });
        return expectKind(answer, "edit");
      }),
    );
  }
}

function askInstruction(target: Target): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: `Edit ${lineLabel(target.lines)} of ${documentName(target.document)}`,
    prompt: "What should be done with the selected code?",
    placeHolder: "for example: add type hints",
    validateInput: (text) =>
      text.length > INSTRUCTION_CHARS_MAX
        ? `At most ${INSTRUCTION_CHARS_MAX} characters.`
        : undefined,
  });
}

function showWarnings(answer: EditAnswer): void {
  if (answer.warnings.length > 0) {
    void vscode.window.showWarningMessage(`${answer.model.name}: ${answer.warnings.join(" ")}`);
  }
  if (answer.notes.length > 0) {
    void vscode.window.showInformationMessage(answer.notes.map(plain).join(" "));
  }
  const given = omittedText(answer.context) ?? contextText(answer.context);
  vscode.window.setStatusBarMessage(`$(info) ${given}`, CONTEXT_SHOWN_MS);
}
