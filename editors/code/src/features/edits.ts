/**
 * The commands whose answer is an edit of the selected lines. The host writes the edit; here it is
 * requested, its progress shown, and the result handed to the previews.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";
import type { CommandEntry, EditAnswer, ErrorInfo } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { contextText, unchangedText, usageText } from "../lib/answer";
import { COMMAND_WORDS } from "../lib/commands";
import { ACTION_TITLES, toErrorInfo } from "../lib/errors";
import { Emitter } from "../lib/emitter";
import * as l10n from "../lib/l10n";
import { lineLabel } from "../lib/lines";
import { progressText } from "../lib/progress";
import { buttonsFor } from "../lib/words";

import { openAgain } from "./disk";
import { doubtText, showWarnings } from "./edit-notes";
import type { EditRequests } from "./edit-requests";
import { locateEdits } from "./locate";
import { FollowedFile } from "./moves";
import type { Notifier } from "./notify";
import type { Previews } from "./previews";
import { chosenTarget } from "./scope";
import type { Standing } from "./standing";
import { documentName, targetLabel } from "./target";
import type { Target } from "./target";
import type { Wish } from "./wish";

/** Longest instruction, in characters. */
const INSTRUCTION_CHARS_MAX = 2_000;

/** What the commands return to a caller; `undefined` if there was nothing to work on. */
export type EditOutcome =
  | { readonly kind: "preview"; readonly answer: EditAnswer }
  | { readonly kind: "unchanged"; readonly answer: EditAnswer }
  | { readonly kind: "failed"; readonly error: ErrorInfo };

/** The profile to try when a lighter one is not sure of its answer. */
const HEAVY = "heavy";

/** Label of the button that asks again with that profile. */
const TRY_HEAVY = l10n.t("Try Heavy");

/** Label of the button if that profile did no better. */
const OTHER_MODEL = ACTION_TITLES.switchModel;

/** An edit that replaces an earlier one because the user asked again. */
export interface AskedAgain {
  readonly answer: EditAnswer;
  /** Whether the user said in words what should be different. */
  readonly followsUp: boolean;
}

export class Edits {
  /** Instructions that the user has written. */
  readonly onInstruction = new Emitter<string>();
  readonly onAskedAgain = new Emitter<AskedAgain>();
  readonly #host: HostConnection;
  readonly #requests: EditRequests;
  readonly #previews: Previews;
  readonly #notifier: Notifier;
  readonly #standing: Standing;
  /** Drafts are shown one after the other: each waits for the one before. */
  #drafts: Promise<void> = Promise.resolve();

  constructor(
    host: HostConnection,
    requests: EditRequests,
    previews: Previews,
    notifier: Notifier,
    standing: Standing,
  ) {
    this.#host = host;
    this.#standing = standing;
    this.#requests = requests;
    this.#previews = previews;
    this.#notifier = notifier;
    previews.onGivenUp.on((source) => {
      requests.cancel(source);
    });
  }

  /**
   * `given`: the instruction, from a keybinding's arguments; the user is asked for it if absent.
   */
  async run(entry: CommandEntry, given: unknown): Promise<EditOutcome | undefined> {
    const target = await this.#target(entry);
    if (target === undefined) {
      return undefined;
    }
    if (entry.instruction !== undefined) {
      return await this.#edit(entry, { target, instruction: entry.instruction });
    }
    if (!entry.asksInstruction) {
      return await this.#edit(entry, { target });
    }
    const instruction = typeof given === "string" ? given : await askInstruction(titleOf(target));
    const wanted = instruction?.trim() ?? "";
    if (wanted === "") {
      return undefined;
    }
    this.onInstruction.fire(wanted);
    return await this.#edit(entry, { target, instruction: wanted });
  }

  /** Requests an edit of lines that the caller has already chosen. */
  async ask(entry: CommandEntry, wish: Wish, before?: AskedAgain): Promise<EditOutcome> {
    return await this.#edit(entry, wish, () => this.ask(entry, wish, before), before);
  }

  /** Changes the pending edit as the user says in words. */
  async followUp(given: unknown): Promise<EditOutcome | undefined> {
    const waiting = await this.#previews.waiting();
    if (waiting === undefined) {
      return undefined;
    }
    const { document, range, pending, version } = waiting;
    const target = { document, lines: range };
    const asked = typeof given === "string" ? given : await askInstruction(FOLLOW_UP);
    const instruction = asked?.trim() ?? "";
    const entry = instructing(version.entry) ?? COMMANDS.find((it) => it.asksInstruction);
    if (instruction === "" || entry === undefined) {
      return undefined;
    }
    const before = { answer: version.answer, followsUp: true };
    return await this.ask(entry, { target, instruction, pending }, before);
  }

  /**
   * Requests another answer to the request that led to the pending edit, or the heavy profile's
   * answer.
   */
  async again({ heavy }: { readonly heavy: boolean }): Promise<EditOutcome | undefined> {
    const waiting = await this.#previews.waiting();
    if (waiting === undefined) {
      return undefined;
    }
    const { document, range, version } = waiting;
    const { entry, wish, answer } = version;
    const target = { document, lines: range };
    const change = heavy ? { profile: HEAVY } : { variation: (wish.variation ?? 0) + 1 };
    return await this.ask(entry, { ...wish, target, ...change }, { answer, followsUp: false });
  }

  async #target(entry: CommandEntry): Promise<Target | undefined> {
    try {
      return await chosenTarget(this.#host, entry.id);
    } catch (error) {
      this.#notifier.error(error);
      return undefined;
    }
  }

  /** `again`: what *Retry* does if this fails; `before`: the edit that the new one replaces. */
  async #edit(
    entry: CommandEntry,
    wish: Wish,
    again: () => Promise<unknown> = () => this.run(entry, wish.instruction),
    before?: AskedAgain,
  ): Promise<EditOutcome> {
    const { target, instruction } = wish;
    const file = new FollowedFile(target.document.uri);
    this.#standing.close();
    try {
      const answer = await this.#ask(entry, wish, file);
      this.#notifier.note(`${usageText(answer.usage)}. ${contextText(answer.context)}.`);
      if (answer.unchanged) {
        await this.#previews.giveUp(await file.settled());
        showWarnings(answer);
        const { found, note } = COMMAND_WORDS[entry.id];
        this.#standing.show(target, note);
        const said = unchangedText(answer, found, lineLabel(target.lines));
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
      await this.#previews.open(await file.settled(), { entry, wish, answer });
      if (before !== undefined) {
        this.onAskedAgain.fire(before);
      }
      // Only now that there is something to look at.
      this.#reportDoubt(entry, wish, answer);
      showWarnings(answer);
      return { kind: "preview", answer };
    } catch (error) {
      await this.#previews.giveUp(await file.settled());
      this.#notifier.error(error, () => void again());
      return { kind: "failed", error: toErrorInfo(error) };
    } finally {
      file.dispose();
    }
  }

  /** Marks an answer that may well be wrong, and offers a way to a better one. */
  #reportDoubt(entry: CommandEntry, wish: Wish, answer: EditAnswer): void {
    const shown = doubtText(answer);
    if (shown !== undefined) {
      const buttons = this.#betterButtons(wish);
      void this.#better(entry, wish, answer, vscode.window.showWarningMessage(shown, ...buttons));
    }
  }

  /** Does what the button of {@link #betterButtons} that was pressed says. */
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

  /** Makes the same request with the heavier profile. */
  async #heavier(entry: CommandEntry, wish: Wish, answer: EditAnswer): Promise<void> {
    try {
      const document = await openAgain(wish.target.document.uri);
      // The lines may have moved while the message was shown.
      const {
        placed: [{ range }],
      } = await locateEdits(this.#host, document, [answer.edit]);
      const target = { document, lines: range };
      const again = (): Promise<void> => this.#heavier(entry, wish, answer);
      const before = { answer, followsUp: false };
      await this.#edit(entry, { ...wish, target, profile: HEAVY }, again, before);
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  /** Buttons for a better answer: the heavier profile or, if that one is in use, another model. */
  #betterButtons({ profile }: Wish): string[] {
    return [profile ?? this.#host.status?.profile].includes(HEAVY) ? [OTHER_MODEL] : [TRY_HEAVY];
  }

  async #ask(entry: CommandEntry, wish: Wish, file: FollowedFile): Promise<EditAnswer> {
    const { target } = wish;
    const { document } = target;
    const asked = document.getText();
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: COMMAND_WORDS[entry.id].doing(targetLabel(target)),
      cancellable: true,
    };
    return await vscode.window.withProgress(options, async (progress, token) => {
      token.onCancellationRequested(() => {
        this.#requests.cancel(document.uri);
      });
      const answer = await this.#requests.ask(entry, wish, (signal) => ({
        onProgress: (update) => {
          const message = progressText(update);
          progress.report({ message });
          if (update.stage === "retrying") {
            this.#previews.note(document.uri, message);
          }
        },
        onDraft: ({ range, text }) => {
          const show = async (): Promise<void> => {
            // An answer to another text would show the difference between the texts as a change.
            const isOfText = document.getText() === asked && file.isAt(document.uri);
            if (isOfText && !signal.aborted) {
              await this.#previews.draft(entry, wish, { range, text });
            }
          };
          this.#drafts = this.#drafts.then(show).catch(() => undefined);
        },
      }));
      await this.#drafts;
      return answer;
    });
  }
}

/** The command that does the same with an instruction in words. */
function instructing({ id }: CommandEntry): CommandEntry | undefined {
  return COMMANDS.find((it) => it.id === id && it.asksInstruction);
}

/** Buttons to continue with if a command without an instruction found nothing to do. */
function instructButtons(entry: CommandEntry): string[] {
  const title = instructing(entry)?.title;
  return title === undefined ? [] : [title];
}

/** Texts of an input box. */
interface Asked {
  readonly title: string;
  readonly prompt: string;
  readonly placeHolder: string;
}

const FOLLOW_UP: Asked = {
  title: l10n.t("Change this edit"),
  prompt: l10n.t("What should be different about it?"),
  placeHolder: l10n.t("for example: keep the comment"),
};

function titleOf(target: Target): Asked {
  return {
    title: l10n.t("Edit {0} of {1}", lineLabel(target.lines), documentName(target.document)),
    prompt: l10n.t("What should be done with the selected code?"),
    placeHolder: l10n.t("for example: add type hints"),
  };
}

function askInstruction(asked: Asked): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    ...asked,
    validateInput: (text) =>
      text.length > INSTRUCTION_CHARS_MAX
        ? l10n.t("At most {0} characters.", INSTRUCTION_CHARS_MAX)
        : undefined,
  });
}
