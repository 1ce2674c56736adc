/**
 * Suggestions while the user types: at the cursor or, if there is nothing to suggest there,
 * elsewhere as a consequence of the latest change. The editor shows and accepts them, whole or by
 * word and line; what is suggested, whether anything is, and how long to wait after a key is
 * decided in the host. This file only sends what the user has open and has changed.
 */
import * as vscode from "vscode";

import { DOCUMENT_BYTES_MAX } from "../generated/protocol";
import type { CompleteAnswer, NextEditAnswer, WhyNothing } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { REAL_CLOCK } from "../lib/clock";
import { toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { chunksOf, RecentEdits } from "../lib/recent";
import type { Visited } from "../lib/recent";
import { plain, sentence } from "../lib/words";

import { DiagnosticsNews } from "./diagnostics";
import { inlineEdit } from "./inline-edit-api";
import type { Notifier } from "./notify";
import { documentText } from "./target";

/** Documents that the user writes in. */
const SELECTOR: vscode.DocumentSelector = ["file", "untitled", "vscode-remote"].map((scheme) => ({
  scheme,
}));
/** The pause after a key until the host has said how long to wait, in milliseconds. */
const FIRST_PAUSE_MS = 40;
/** Most files that are remembered as visited. */
const VISITED_MAX = 8;
const SETTING_OFF = "ghostText.languagesOff";

export function registerGhostText(host: HostConnection, notifier: Notifier): vscode.Disposable {
  const ghost = new GhostText(host);
  const redraw = host.onStatus.on(() => {
    ghost.draw();
  });
  return vscode.Disposable.from(
    ghost,
    new vscode.Disposable(redraw),
    vscode.languages.registerInlineCompletionItemProvider(SELECTOR, ghost),
    vscode.window.onDidChangeActiveTextEditor((editor) => {
      ghost.visited(editor);
    }),
    vscode.commands.registerCommand("localcoder.whyNoSuggestion", () => ghost.explain()),
    vscode.commands.registerCommand("localcoder.snoozeSuggestions", () => snooze(host, notifier)),
    vscode.commands.registerCommand("localcoder.toggleSuggestionsForLanguage", toggleLanguage),
  );
}

class GhostText implements vscode.InlineCompletionItemProvider {
  readonly #host: HostConnection;
  readonly #edits = new RecentEdits();
  readonly #news = new DiagnosticsNews();
  readonly #visited = new Map<string, vscode.TextEditor>();
  #pauseMs = FIRST_PAUSE_MS;
  /** The item next to the language in the status bar: always says why there is no suggestion. */
  readonly #item: vscode.LanguageStatusItem;
  /** The result of the last request. */
  #outcome: WhyNothing | "shown" | undefined;

  constructor(host: HostConnection) {
    this.#host = host;
    this.#item = vscode.languages.createLanguageStatusItem("localcoder.suggestions", SELECTOR);
    this.#item.name = l10n.t("LocalCoder Suggestions");
    this.#item.command = { command: "localcoder.snoozeSuggestions", title: l10n.t("Snooze") };
    this.draw();
    this.visited(vscode.window.activeTextEditor);
  }

  get #last(): WhyNothing | "shown" | undefined {
    return this.#outcome;
  }

  set #last(outcome: WhyNothing | "shown" | undefined) {
    this.#outcome = outcome;
    this.draw();
  }

  /** Updates the status item. */
  draw(): void {
    const everywhere = this.#host.status?.noGhostText;
    const why = everywhere ?? this.#outcome;
    this.#item.text =
      everywhere === undefined ? l10n.t("Suggestions") : l10n.t("Suggestions paused");
    this.#item.detail = detail(why);
  }

  dispose(): void {
    this.#item.dispose();
  }

  visited(editor: vscode.TextEditor | undefined): void {
    if (editor === undefined || !isWritten(editor.document)) {
      return;
    }
    const path = pathOf(editor.document);
    this.#visited.delete(path);
    this.#visited.set(path, editor);
    const oldest = this.#visited.keys().next();
    if (this.#visited.size > VISITED_MAX && oldest.done !== true) {
      this.#visited.delete(oldest.value);
    }
    this.#edits.opened(path, editor.document.getText());
    this.#news.opened(editor.document);
  }

  async provideInlineCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[]> {
    const explicit = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke;
    const everywhere = this.#host.status?.noGhostText;
    // The host would give the same answer; this saves a message with each key.
    if (!explicit && everywhere !== undefined) {
      this.#last = everywhere;
      return [];
    }
    const abort = new AbortController();
    const listener = token.onCancellationRequested(() => {
      abort.abort();
    });
    try {
      if (!explicit) {
        await REAL_CLOCK.delay(this.#pauseMs, abort.signal);
      }
      if (abort.signal.aborted) {
        return [];
      }
      const answer = await this.#ask(document, position, explicit, abort.signal);
      if (token.isCancellationRequested) {
        return [];
      }
      const items = this.#items(answer, position);
      return items.length > 0 ? items : await this.#next(document, position, abort.signal);
    } catch (error) {
      // Nothing is reported while the user types, only when they ask why.
      const { code, message } = toErrorInfo(error);
      if (code !== "cancelled") {
        this.#last = { reason: "failed", text: message };
      }
      return [];
    } finally {
      listener.dispose();
    }
  }

  /** Tells the user why the last request returned nothing. */
  async explain(): Promise<void> {
    const everywhere = this.#host.status?.noGhostText;
    const last = everywhere ?? this.#last;
    if (last === undefined || last === "shown") {
      await vscode.window.showInformationMessage(detail(last));
      return;
    }
    const settings = l10n.t("Open Settings");
    const picked = await vscode.window.showInformationMessage(detail(last), settings);
    if (picked === settings) {
      await vscode.commands.executeCommand(
        "workbench.action.openSettings",
        "@ext:localcoder.localcoder ghostText",
      );
    }
  }

  async #ask(
    document: vscode.TextDocument,
    position: vscode.Position,
    explicit: boolean,
    signal: AbortSignal,
  ): Promise<CompleteAnswer> {
    const path = pathOf(document);
    const sent = documentText(document);
    // Done here and not with each key, because it compares two whole texts.
    this.#edits.changed(path, sent.text);
    const params = {
      document: sent,
      position: { line: position.line + 1, character: position.character },
      chunks: chunksOf(this.#others(), path),
      edits: this.#edits.edits(path),
      explicit,
    };
    return await this.#host.ask("complete", params, { signal });
  }

  /** The next edit that follows from what was changed, if it is known or a model predicts one. */
  async #next(
    document: vscode.TextDocument,
    position: vscode.Position,
    signal: AbortSignal,
  ): Promise<vscode.InlineCompletionItem[]> {
    const path = pathOf(document);
    const edits = this.#edits.edits(path);
    if (!edits.some((edit) => edit.path === path)) {
      return [];
    }
    const params = {
      document: documentText(document),
      position: { line: position.line + 1, character: position.character },
      edits,
      diagnostics: this.#news.of(document, position.line),
    };
    const { edit, nothing }: NextEditAnswer = await this.#host.ask("predictEdit", params, {
      signal,
    });
    if (signal.aborted || edit === undefined) {
      this.#last = nothing?.reason === "nothingFollows" ? this.#last : nothing;
      return [];
    }
    this.#last = "shown";
    const { start, end } = edit.range;
    return [inlineEdit(document, { start: start - 1, end }, edit.replacement)];
  }

  #items(answer: CompleteAnswer, position: vscode.Position): vscode.InlineCompletionItem[] {
    const { suggestion, nothing, debounceMs } = answer;
    this.#pauseMs = debounceMs;
    if (suggestion === undefined) {
      this.#last = nothing;
      return [];
    }
    this.#last = "shown";
    const range = new vscode.Range(position, position.translate(0, suggestion.replaces));
    return [new vscode.InlineCompletionItem(suggestion.text, range)];
  }

  #others(): Visited[] {
    return [...this.#visited].flatMap(([path, { document, selection }]) =>
      document.isClosed ? [] : [{ path, text: document.getText(), line: selection.active.line }],
    );
  }
}

/** The result of a request, as a sentence. */
function detail(why: WhyNothing | "shown" | undefined): string {
  switch (why) {
    case undefined:
      return l10n.t("Nothing was asked for yet: suggestions come while you type.");
    case "shown":
      return l10n.t("The last suggestion was shown.");
    default:
      return l10n.t("No suggestion: {0}", plain(sentence(why.text)));
  }
}

function isWritten(document: vscode.TextDocument): boolean {
  // A UTF-16 code unit takes at most three bytes in UTF-8.
  const fits = document.lineCount > 0 && document.getText().length * 3 <= DOCUMENT_BYTES_MAX;
  return fits && vscode.languages.match(SELECTOR, document) > 0;
}

function pathOf(document: vscode.TextDocument): string {
  return vscode.workspace.asRelativePath(document.uri, false);
}

/** Pauses suggestions for a while, in all windows. */
async function snooze(host: HostConnection, notifier: Notifier): Promise<void> {
  const isSnoozed = host.status?.noGhostText?.reason === "snoozed";
  const choice = (minutes: number): vscode.QuickPickItem & { minutes: number } => ({
    label: l10n.t("{0} minutes", minutes),
    minutes,
  });
  const end = { label: l10n.t("End the snooze now"), minutes: 0 };
  const choices = [...(isSnoozed ? [end] : []), choice(5), choice(15), choice(60)];
  const placeHolder = l10n.t("For how long should nothing be suggested?");
  const chosen = await vscode.window.showQuickPick(choices, { title: "LocalCoder", placeHolder });
  if (chosen !== undefined) {
    try {
      await host.request("snooze", { minutes: chosen.minutes });
    } catch (error) {
      notifier.error(error);
    }
  }
}

/** Turns suggestions for the language of the active editor off, or on again. */
async function toggleLanguage(): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  if (language === undefined) {
    return;
  }
  const configuration = vscode.workspace.getConfiguration("localcoder");
  const off = configuration.get<readonly string[]>(SETTING_OFF, []);
  const next = off.includes(language)
    ? off.filter((it) => it !== language)
    : [...off, language].toSorted();
  await configuration.update(SETTING_OFF, next, vscode.ConfigurationTarget.Global);
  await vscode.window.showInformationMessage(
    off.includes(language)
      ? l10n.t("Suggestions are on for {0}.", language)
      : l10n.t("Suggestions are off for {0}.", language),
  );
}
