/**
 * Inline chat: requests in the editor's own box within the text, answered by the host. The editor
 * shows the edit and asks whether to keep or undo it; the next request changes that edit. The edit
 * is checked like any other, and nothing is in the document before that.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";
import type { CommandEntry, Edit, EditAnswer, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { secondsText, unchangedText } from "../lib/answer";
import * as changes from "../lib/changes";
import { COMMAND_WORDS } from "../lib/commands";
import { Emitter } from "../lib/emitter";
import { HostError, toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { differingLines, lineLabel, selectedLines, unixEnds, withEdits } from "../lib/lines";
import type { Placed } from "../lib/lines";
import { progressText } from "../lib/progress";
import { sentence } from "../lib/words";

import { isWanted, planEdit, savePlan, takeBack } from "./apply";
import type { Plan } from "./apply";
import { DiagnosticsWatch } from "./diagnostics";
import { keeperOf } from "./disk";
import { doubtText, showWarnings } from "./edit-notes";
import type { EditRequests } from "./edit-requests";
import type { AskedAgain } from "./edits";
import { registerModel, registerParticipant } from "./inline-chat-api";
import type { Decided, EditorPlace, EditResult, EditStream } from "./inline-chat-api";
import type { Notifier } from "./notify";
import type { Outcome } from "./preview";
import { linesAround } from "./scope";
import { instructionsOf } from "./wish";
import type { Wish } from "./wish";

/**
 * How long the editor may need to take an edit back, in milliseconds: many times what it needs on a
 * busy machine. If there is nothing left to take back, the count of decisions waits this long.
 */
const TAKEN_BACK_MS = 1_000;

/** An edit that the editor is showing. */
interface Shown {
  readonly wish: Wish;
  readonly answer: EditAnswer;
  readonly plan: Plan;
  readonly watch: DiagnosticsWatch;
  /** The document's whole text without the edit, and with it. */
  readonly before: string;
  readonly after: string;
  /** How many of its changes were decided one by one. */
  readonly decided: { kept: number; dropped: number };
}

/** A request, and the text that it is about. */
interface Question {
  readonly entry: CommandEntry;
  readonly wish: Wish;
  /** The edit that the request changes. */
  readonly shown: Shown | undefined;
}

export class InlineChat {
  readonly onOutcome = new Emitter<Outcome>();
  readonly onAskedAgain = new Emitter<AskedAgain>();
  readonly #host: HostConnection;
  readonly #requests: EditRequests;
  readonly #notifier: Notifier;
  /** Keyed by document. */
  readonly #shown = new Map<string, Shown>();

  constructor(host: HostConnection, requests: EditRequests, notifier: Notifier) {
    this.#host = host;
    this.#requests = requests;
    this.#notifier = notifier;
  }

  register(): vscode.Disposable {
    const refusal = l10n.t(
      "LocalCoder's model answers in inline chat and by LocalCoder's commands; other extensions can't ask it.",
    );
    return vscode.Disposable.from(
      registerModel("LocalCoder", refusal),
      registerParticipant(
        (place, request, stream, token) => this.#answer(place, request, stream, token),
        (what) => {
          this.#notifier.guarded(() => this.#decided(what)).catch(() => undefined);
        },
      ),
    );
  }

  async #answer(
    place: EditorPlace | undefined,
    request: vscode.ChatRequest,
    stream: EditStream,
    token: vscode.CancellationToken,
  ): Promise<EditResult> {
    if (place === undefined) {
      return failed(l10n.t("Inline chat works in the text of a file. Open one and ask there."));
    }
    const source = place.document.uri;
    const cancelled = token.onCancellationRequested(() => {
      this.#requests.cancel(source);
    });
    try {
      const question = await this.#question(place, request);
      const { entry, wish } = question;
      stream.progress(COMMAND_WORDS[entry.id].doing(lineLabel(wish.target.lines)));
      const answer = await this.#requests.ask(entry, wish, () => ({
        onProgress: (update) => {
          stream.progress(progressText(update));
        },
      }));
      if (answer.unchanged) {
        const { found } = COMMAND_WORDS[entry.id];
        const said = unchangedText(answer, found, lineLabel(wish.target.lines));
        return { details: said };
      }
      return await this.#show(question, answer, stream, token);
    } catch (error) {
      return token.isCancellationRequested ? {} : this.#failed(error);
    } finally {
      cancelled.dispose();
    }
  }

  /** The request changes the edit that is shown, unless its text was edited by hand. */
  async #question(
    { document, selection }: EditorPlace,
    { command, prompt }: vscode.ChatRequest,
  ): Promise<Question> {
    const { entry, instruction } = asked(command, prompt);
    const given = instruction === undefined ? {} : { instruction };
    const shown = this.#shown.get(document.uri.toString());
    if (shown !== undefined && unixEnds(document.getText()) === unixEnds(shown.after)) {
      const { answer, before, wish } = shown;
      const { edit, imports } = answer;
      const brought = imports === undefined ? {} : { imports };
      const pending = { edit, ...brought, instructions: instructionsOf(wish) };
      const target = { document, lines: edit.range };
      return { entry, wish: { target, text: before, pending, ...given }, shown };
    }
    const lines = await this.#lines(document, selection);
    return { entry, wish: { target: { document, lines }, ...given }, shown: undefined };
  }

  async #lines(
    document: vscode.TextDocument,
    { start, end }: vscode.Selection,
  ): Promise<LineRange> {
    const selected = selectedLines(start, end);
    const line = { start: start.line + 1, end: start.line + 1 };
    const selection = selected ?? line;
    const empty = selected === undefined;
    if (empty && document.lineAt(start.line).isEmptyOrWhitespace) {
      return line;
    }
    return empty ? await linesAround(this.#host, document, selection) : selection;
  }

  async #show(
    { wish, shown }: Question,
    answer: EditAnswer,
    stream: EditStream,
    token: vscode.CancellationToken,
  ): Promise<EditResult> {
    const { document } = wish.target;
    const { edit, imports, sensitive } = answer;
    const edits = imports === undefined ? ([edit] as const) : ([imports, edit] as const);
    let plan = shown?.plan ?? (await planEdit(this.#host, document.uri, edits));
    if (sensitive !== undefined && shown === undefined) {
      if (!(await isWanted(document, sensitive))) {
        return { details: l10n.t("Nothing was written.") };
      }
      plan = await planEdit(this.#host, document.uri, edits);
    }
    const now = document.getText();
    const before = shown?.before ?? now;
    const after = withEdits(before, shown === undefined ? plan.placed : inText(edits));
    const isOther = shown !== undefined && unixEnds(now) !== unixEnds(shown.after);
    if (after === undefined || isOther) {
      throw changedMeanwhile();
    }
    if (token.isCancellationRequested) {
      return {};
    }
    const watch = shown?.watch ?? new DiagnosticsWatch(document);
    if (shown !== undefined) {
      this.onAskedAgain.fire({ answer: shown.answer, followsUp: true });
    }
    const { range, text } = differingLines(now, after);
    const end = document.lineAt(range.end - 1).range.end;
    const lines = new vscode.Range(new vscode.Position(range.start - 1, 0), end);
    stream.textEdit(document.uri, [new vscode.TextEdit(lines, text)]);
    stream.textEdit(document.uri, true);
    const held = { wish, answer, plan, watch, before, after, decided: { kept: 0, dropped: 0 } };
    this.#shown.set(document.uri.toString(), held);
    const doubt = doubtText(answer);
    if (doubt !== undefined) {
      void vscode.window.showWarningMessage(doubt);
    }
    showWarnings(answer);
    const details = `${answer.model.name} · ${secondsText(answer.usage)}`;
    return { details };
  }

  async #decided({ source, of, accepted }: Decided): Promise<void> {
    const shown = this.#shown.get(source.toString());
    if (shown === undefined) {
      return;
    }
    const { answer, plan, watch, before, decided } = shown;
    const { document } = plan;
    if (of === "change") {
      decided[accepted ? "kept" : "dropped"] += 1;
      return;
    }
    this.#shown.delete(source.toString());
    if (!accepted) {
      await takenBack(document, decided.kept === 0 ? before : undefined);
    }
    const all = changes.changesOf(answer).filter(({ isImport }) => !isImport).length;
    const after = document.getText();
    const isWritten = (accepted || decided.kept > 0) && after !== before;
    const kept = isWritten ? Math.max(1, all - decided.dropped) : 0;
    const written = { uri: document.uri, before, after };
    this.onOutcome.fire({ answer, all, kept, ...(isWritten ? { written } : {}) });
    if (after === before && plan.saves && plan.damage === "none") {
      // After undoing, the document counts as unsaved although the file has the same text.
      await keeperOf(document).save();
    }
    if (isWritten) {
      await savePlan(plan);
      watch.reportAdded(() => {
        void this.#notifier.guarded(() => takeBack(document.uri, before, after));
      });
    }
  }

  #failed(error: unknown): EditResult {
    const info = toErrorInfo(error);
    const said = [info.message, info.hint ?? ""].filter((it) => it !== "").map(sentence);
    // The chat box has no buttons, so a notification offers the action.
    if (info.action !== undefined) {
      this.#notifier.error(error);
    }
    return failed(said.join(" "));
  }
}

/** The row of the command table that is meant, and the words that go with it. */
function asked(
  command: string | undefined,
  prompt: string,
): { readonly entry: CommandEntry; readonly instruction: string | undefined } {
  const words = prompt.trim();
  const entry = COMMANDS.find(({ slash }) => slash !== undefined && slash === command);
  if (entry !== undefined && words === "") {
    return { entry, instruction: entry.instruction };
  }
  const instructed = COMMANDS.find(({ asksInstruction }) => asksInstruction);
  if (instructed === undefined || words === "") {
    throw new HostError({
      code: "selectionEmpty",
      message: l10n.t("nothing was asked for"),
      hint: l10n.t("Write what is to be done, or choose it after a slash."),
    });
  }
  const first = entry === undefined ? [] : [entry.instruction ?? entry.title];
  return { entry: instructed, instruction: [...first.map(sentence), words].join(" ") };
}

/** Places edits in a text that has not changed since the request. */
function inText(edits: readonly Edit[]): Placed[] {
  return edits.map((edit) => ({ edit, range: edit.range }));
}

/**
 * Waits until the editor has taken an edit back: it announces this before doing it. `text`: the
 * expected text of the document; unknown if parts of the edit were kept.
 */
async function takenBack(document: vscode.TextDocument, text: string | undefined): Promise<void> {
  const now = document.getText();
  const isThere = (): boolean => document.getText() === text;
  if (isThere()) {
    return;
  }
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      listener.dispose();
      resolve();
    };
    const timer = setTimeout(settle, TAKEN_BACK_MS);
    const listener = vscode.workspace.onDidChangeTextDocument((event) => {
      const isOther = text === undefined && document.getText() !== now;
      if (event.document === document && (isThere() || isOther)) {
        settle();
      }
    });
  });
}

function failed(message: string): EditResult {
  return { errorDetails: { message } };
}

function changedMeanwhile(): HostError {
  return new HostError({
    code: "documentChanged",
    message: l10n.t("the text was changed while the edit was being written"),
    hint: l10n.t("Nothing was written. Ask once more."),
  });
}
