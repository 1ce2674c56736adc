/**
 * The commands whose answer is an edit of the selected lines. The host writes the edit; here it is asked for,
 * its progress shown, and the result handed to the previews.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";
import type { CommandEntry, EditAnswer, ErrorInfo, TestRun } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import type { TestsProgram } from "../host/tests";
import { contextText, expectKind, omittedText, unchangedText, usageText } from "../lib/answer";
import { ACTION_TITLES, toErrorInfo } from "../lib/errors";
import { lineLabel } from "../lib/lines";
import { progressText } from "../lib/progress";
import type { Running } from "../lib/running";
import { buttonsFor, plain } from "../lib/words";

import { openAgain } from "./disk";
import { locateEdits } from "./locate";
import { FollowedFile } from "./moves";
import { diagnosticsOf } from "./diagnostics";
import type { Notifier } from "./notify";
import type { Previews } from "./previews";
import { chosenTarget } from "./scope";
import type { Standing } from "./standing";
import { documentName, documentText } from "./target";
import type { Target } from "./target";
import { trialOf } from "./trials";

/** Longest instruction, in characters. */
const INSTRUCTION_CHARS_MAX = 2_000;

/** How long it is told what the model was given and what not, in milliseconds. */
const CONTEXT_SHOWN_MS = 15_000;

/** What the commands return to a caller; nothing where there was nothing to work on. */
export type EditOutcome =
  | { readonly kind: "preview"; readonly answer: EditAnswer }
  | { readonly kind: "unchanged"; readonly answer: EditAnswer }
  | { readonly kind: "failed"; readonly error: ErrorInfo };

/** The profile for what a lighter one is not sure of. */
const HEAVY = "heavy";

/** What is asked for. */
interface Wish {
  readonly target: Target;
  readonly instruction?: string;
  /** Where it is not the one that is set. */
  readonly profile?: string;
}

/** What the button says that asks once more with that profile. */
const TRY_HEAVY = "Try Heavy";

/** What it says where that profile did no better. */
const OTHER_MODEL = ACTION_TITLES.switchModel;

/** See the module. */
export class Edits {
  readonly #host: HostConnection;
  readonly #running: Running;
  readonly #previews: Previews;
  readonly #notifier: Notifier;
  readonly #standing: Standing;
  readonly #tests: TestsProgram;

  constructor(
    host: HostConnection,
    tests: TestsProgram,
    running: Running,
    previews: Previews,
    notifier: Notifier,
    standing: Standing,
  ) {
    this.#host = host;
    this.#standing = standing;
    this.#tests = tests;
    this.#running = running;
    this.#previews = previews;
    this.#notifier = notifier;
  }

  /** `given`: the instruction, from a keybinding's arguments; asked for where absent. */
  async run(entry: CommandEntry, given: unknown): Promise<EditOutcome | undefined> {
    const target = await this.#target(entry);
    if (target === undefined) {
      return undefined;
    }
    if (!entry.asksInstruction) {
      return await this.#edit(entry, { target });
    }
    const instruction = typeof given === "string" ? given : await askInstruction(target);
    const wanted = instruction?.trim() ?? "";
    return wanted === "" ? undefined : await this.#edit(entry, { target, instruction: wanted });
  }

  async #target(entry: CommandEntry): Promise<Target | undefined> {
    try {
      return await chosenTarget(this.#host, entry.id);
    } catch (error) {
      this.#notifier.error(error);
      return undefined;
    }
  }

  /** `again`: what *Retry* does where it fails. */
  async #edit(
    entry: CommandEntry,
    wish: Wish,
    again: () => Promise<unknown> = () => this.run(entry, wish.instruction),
  ): Promise<EditOutcome> {
    const { target, instruction } = wish;
    const file = new FollowedFile(target.document.uri);
    this.#standing.close();
    try {
      const answer = await this.#ask(entry, wish);
      this.#notifier.note(`${usageText(answer.usage)}. ${contextText(answer.context)}.`);
      if (answer.unchanged) {
        showWarnings(answer);
        this.#standing.show(target, entry.nothing);
        const said = unchangedText(answer, entry.nothing, lineLabel(target.lines));
        const buttons =
          instruction === undefined ? instructButtons(entry) : this.#betterButtons(wish);
        void this.#better(
          entry,
          wish,
          answer,
          vscode.window.showInformationMessage(said, ...buttonsFor(said, buttons)),
        );
        return { kind: "unchanged", answer };
      }
      await this.#previews.open(entry, await file.settled(), answer);
      // Not before there is something to look at.
      this.#tellDoubt(entry, wish, answer);
      showWarnings(answer);
      return { kind: "preview", answer };
    } catch (error) {
      this.#notifier.error(error, () => void again());
      return { kind: "failed", error: toErrorInfo(error) };
    } finally {
      file.dispose();
    }
  }

  /** An answer that may well be wrong is shown as such, with a way to a better one. */
  #tellDoubt(entry: CommandEntry, wish: Wish, answer: EditAnswer): void {
    const { unsure, model } = answer;
    if (unsure !== undefined) {
      const why = `${model.name} is not sure of this change: ${plain(unsure)}.`;
      const shown = `${why} Read it closely.`;
      const buttons = this.#betterButtons(wish);
      void this.#better(entry, wish, answer, vscode.window.showWarningMessage(shown, ...buttons));
    }
  }

  /** Goes the way that was chosen of {@link #betterButtons}. */
  async #better(
    entry: CommandEntry,
    wish: Wish,
    answer: EditAnswer,
    pressed: Thenable<string | undefined>,
  ): Promise<void> {
    const button = await pressed;
    if (button === TRY_HEAVY) {
      await this.#heavier(entry, wish, answer);
    } else if (button === OTHER_MODEL) {
      this.#notifier.act("switchModel");
    } else if (button !== undefined && instructButtons(entry).includes(button)) {
      await vscode.commands.executeCommand(instructing(entry)?.command ?? entry.command);
    }
  }

  /** Asks once more for what was asked for, with the heavier profile. */
  async #heavier(entry: CommandEntry, wish: Wish, answer: EditAnswer): Promise<void> {
    this.#previews.retried(answer);
    try {
      const document = await openAgain(wish.target.document.uri);
      // The lines may have moved while the message stood there.
      const [{ range }] = await locateEdits(this.#host, document, { edit: answer.edit });
      const target = { document, lines: range };
      const again = (): Promise<void> => this.#heavier(entry, wish, answer);
      await this.#edit(entry, { ...wish, target, profile: HEAVY }, again);
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  /** The ways to a better answer: the heavier profile, and where it is in force another model. */
  #betterButtons({ profile }: Wish): string[] {
    return [profile ?? this.#host.status?.profile].includes(HEAVY) ? [OTHER_MODEL] : [TRY_HEAVY];
  }

  async #ask(entry: CommandEntry, wish: Wish): Promise<EditAnswer> {
    const { target, instruction, profile } = wish;
    const { document, lines } = target;
    const params = {
      command: entry.id,
      document: documentText(document),
      selection: lines,
      diagnostics: diagnosticsOf(document, lines),
      ...(instruction === undefined ? {} : { instruction }),
      ...(profile === undefined ? {} : { settings: { profile } }),
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
        const trial = await trialOf(this.#tests, target);
        const tested = trial === undefined ? params : { ...params, test: trial.before };
        const answer = await this.#host.ask("assist", tested, {
          signal,
          ...(trial === undefined ? {} : { onTryEdit: trial.run }),
          onProgress: (update) => {
            progress.report({ message: progressText(update) });
          },
        });
        return expectKind(answer, "edit");
      }),
    );
  }
}

/** The command that does the same and is told in words what is to change. */
function instructing({ id }: CommandEntry): CommandEntry | undefined {
  return COMMANDS.find((it) => it.id === id && it.asksInstruction);
}

/** The way on where nothing was found without words. */
function instructButtons(entry: CommandEntry): string[] {
  const title = instructing(entry)?.title;
  return title === undefined ? [] : [title];
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

function passedText({ name, onlyBuild }: TestRun): string {
  return onlyBuild ? `It compiles (${name}).` : `Tested: ${name} passes with it.`;
}

function showWarnings(answer: EditAnswer): void {
  if (answer.warnings.length > 0) {
    const said = `${answer.model.name}: ${answer.warnings.join(" ")}`;
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
  const passed = answer.test?.outcome === "passed" ? [passedText(answer.test)] : [];
  const notes = [...answer.notes.map(plain), ...passed];
  if (notes.length > 0) {
    const said = notes.join(" ");
    void vscode.window.showInformationMessage(said, ...buttonsFor(said));
  }
  const given = omittedText(answer.context) ?? contextText(answer.context);
  vscode.window.setStatusBarMessage(`$(info) ${given}`, CONTEXT_SHOWN_MS);
}
