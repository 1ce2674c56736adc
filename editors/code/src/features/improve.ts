/**
 * The commands that rewrite the selected lines. The host writes the edit; here it is asked for,
 * its progress shown, and the result handed to the previews.
 */
import * as vscode from "vscode";

import type { ErrorInfo, ImproveAnswer } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { contextText, omittedText, usageText } from "../lib/answer";
import { toErrorInfo } from "../lib/errors";
import { lineLabel } from "../lib/lines";
import { progressText } from "../lib/progress";
import type { Running } from "../lib/running";

import type { Notifier } from "./notify";
import type { Previews } from "./previews";
import { currentTarget, documentName, documentText } from "./target";
import type { Target } from "./target";

/** Longest instruction, in characters. */
const INSTRUCTION_CHARS_MAX = 2_000;

/** How long it is told what the model was given and what not, in milliseconds. */
const CONTEXT_SHOWN_MS = 15_000;

/** What the commands return to a caller; nothing where there was nothing to work on. */
export type ImproveOutcome =
  | { readonly kind: "preview"; readonly answer: ImproveAnswer }
  | { readonly kind: "unchanged"; readonly answer: ImproveAnswer }
  | { readonly kind: "failed"; readonly error: ErrorInfo };

/** See the module. */
export function registerImprove(
  host: HostConnection,
  running: Running,
  previews: Previews,
  notifier: Notifier,
): vscode.Disposable {
  const improve = new Improve(host, running, previews, notifier);
  return vscode.Disposable.from(
    vscode.commands.registerCommand("localcoder.improveSelection", () => improve.selection()),
    vscode.commands.registerCommand("localcoder.improveWithInstruction", (text?: unknown) =>
      improve.withInstruction(text),
    ),
  );
}

class Improve {
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

  async selection(): Promise<ImproveOutcome | undefined> {
    const target = this.#target();
    return target && (await this.#improve(target, undefined));
  }

  /** `given`: the instruction, from a keybinding's arguments; asked for where absent. */
  async withInstruction(given: unknown): Promise<ImproveOutcome | undefined> {
    const target = this.#target();
    if (target === undefined) {
      return undefined;
    }
    const instruction = typeof given === "string" ? given : await askInstruction(target);
    const wanted = instruction?.trim() ?? "";
    return wanted === "" ? undefined : await this.#improve(target, wanted);
  }

  #target(): Target | undefined {
    try {
      return currentTarget("improve");
    } catch (error) {
      this.#notifier.error(error);
      return undefined;
    }
  }

  async #improve(target: Target, instruction: string | undefined): Promise<ImproveOutcome> {
    const { version } = target.document;
    try {
      const answer = await this.#ask(target, instruction);
      showWarnings(answer);
      this.#notifier.note(`${usageText(answer.usage)}. ${contextText(answer.context)}.`);
      if (answer.unchanged) {
        const where = lineLabel(target.lines);
        void vscode.window.showInformationMessage(
          `LocalCoder found nothing to improve in ${where}.`,
        );
        return { kind: "unchanged", answer };
      }
      await this.#previews.open(target.document, answer);
      return { kind: "preview", answer };
    } catch (error) {
      this.#notifier.error(error, () => {
        // The lines are only known to be the same code where the document is the same.
        void (target.document.version === version
          ? this.#improve(target, instruction)
          : this.selection());
      });
      return { kind: "failed", error: toErrorInfo(error) };
    }
  }

  async #ask(target: Target, instruction: string | undefined): Promise<ImproveAnswer> {
    const { document, lines } = target;
    const params = {
      document: documentText(document),
      selection: lines,
      ...(instruction === undefined ? {} : { instruction }),
    };
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: `Improving ${documentName(document)}, ${lineLabel(lines)}`,
      cancellable: true,
    };
    const key = `improve ${document.uri.toString()}`;
    return await vscode.window.withProgress(options, (progress, token) =>
      this.#running.run(key, async (signal) => {
        token.onCancellationRequested(() => {
          this.#running.cancel(key);
        });
        return await this.#host.ask("improve", params, {
          signal,
          onProgress: (update) => {
            progress.report({ message: progressText(update) });
          },
        });
      }),
    );
  }
}

function askInstruction(target: Target): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: `Improve ${lineLabel(target.lines)} of ${documentName(target.document)}`,
    prompt: "What should be done with the selected code?",
    placeHolder: "for example: add type hints",
    validateInput: (text) =>
      text.length > INSTRUCTION_CHARS_MAX
        ? `At most ${INSTRUCTION_CHARS_MAX} characters.`
        : undefined,
  });
}

function showWarnings(answer: ImproveAnswer): void {
  if (answer.warnings.length > 0) {
    void vscode.window.showWarningMessage(`${answer.model.name}: ${answer.warnings.join(" ")}`);
  }
  const given = omittedText(answer.context) ?? contextText(answer.context);
  vscode.window.setStatusBarMessage(`$(info) ${given}`, CONTEXT_SHOWN_MS);
}
