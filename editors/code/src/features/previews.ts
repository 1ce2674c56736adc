/**
 * Edits that wait for the user's decision, shown as a diff between the document and its text with
 * the edit. Each change is kept or dropped; once all are decided, the kept ones are written in one
 * step. The diff follows the document while it is open, and its file if that is renamed. While an
 * edit is being written, the diff shows the part that exists so far. Closing the diff drops what is
 * undecided; nothing is written that was not kept.
 */
import * as vscode from "vscode";

import type { CommandEntry } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import * as changes from "../lib/changes";
import type { Change, Decision } from "../lib/changes";
import { Emitter } from "../lib/emitter";
import * as l10n from "../lib/l10n";
import { replaceLines } from "../lib/lines";
import { buttonsFor } from "../lib/words";

import { openAgain } from "./disk";
import type { Written } from "./locate";
import { FollowedFile } from "./moves";
import type { Notifier } from "./notify";
import * as pending from "./preview";
import type { Outcome, Preview, Version, Waiting } from "./preview";
import { chosenLines, marksOf } from "./preview-marks";
import { activePreview, allTabs, closeLeftovers, Marks, previewOf, tabsOf } from "./preview-tabs";
import { decidedText, settledText, writeKept } from "./preview-write";
import { Spoken } from "./spoken";
import { PREVIEW_SCHEME } from "./target";
import type { Wish } from "./wish";

/** How long the document must be unchanged before the diff follows it, in milliseconds. */
const REFRESH_AFTER_MS = 150;

/** The pending edits, keyed by document: a newer edit replaces an older one. */
export class Previews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  /** The outcomes of edits that were shown. */
  readonly onOutcome = new Emitter<Outcome>();
  /** The user closed the diff of an edit that is still being written: it is not wanted any more. */
  readonly onGivenUp = new Emitter<vscode.Uri>();
  readonly #host: HostConnection;
  readonly #notifier: Notifier;
  readonly #previews = new Map<string, Preview>();
  /** Previews that are being written to their documents: a key that is pressed twice acts once. */
  readonly #applied = new Set<Preview>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #marks = new Marks();
  readonly #spoken = new Spoken();
  readonly #subscriptions: vscode.Disposable[];
  #count = 0;

  readonly onDidChange = this.#changed.event;

  constructor(host: HostConnection, notifier: Notifier) {
    this.#host = host;
    this.#notifier = notifier;
    const { tabGroups } = vscode.window;
    closeLeftovers();
    this.#subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(PREVIEW_SCHEME, this),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        this.#follow(document);
        this.#markIn(document.uri);
      }),
      vscode.window.onDidChangeVisibleTextEditors((editors) => {
        for (const { document } of editors) {
          this.#markIn(document.uri);
        }
      }),
      tabGroups.onDidChangeTabs((event) => {
        this.#endClosed(event.closed);
        this.#updateContext();
      }),
      tabGroups.onDidChangeTabGroups(() => {
        this.#updateContext();
      }),
      ...this.#decisions(),
    ];
  }

  #decisions(): vscode.Disposable[] {
    type Act = (preview: Preview, given: unknown) => Promise<void>;
    const acts: Record<string, Act> = {
      applyImprovement: (it) => this.#decideAll(it, "kept"),
      discardImprovement: (it) => this.#decideAll(it, "dropped"),
      keepChange: (it, given) => this.#decide(it, given, "kept"),
      dropChange: (it, given) => this.#decide(it, given, "dropped"),
      previousVersion: (it) => this.#previous(it),
    };
    return Object.entries(acts).map(([name, act]) =>
      vscode.commands.registerCommand(`localcoder.${name}`, (given?: unknown) => {
        const preview = this.#find(given);
        return preview && this.#notifier.guarded(() => act(preview, given));
      }),
    );
  }

  /** Shows an edit of the document as it is now, in place of a pending one. */
  async open(source: vscode.Uri, version: Version): Promise<void> {
    const document = await openAgain(source);
    const older = this.#previews.get(source.toString());
    const fresh = changes.changesOf(version.answer);
    const isNew = older === undefined || pending.isOfAnother(older, version.wish);
    const preview = isNew
      ? pending.newPreview(version.entry, source, this.#newUri(source), version.answer.edit.range)
      : older;
    const before = { versions: preview.versions, note: preview.note };
    preview.versions = [...preview.versions, version];
    preview.note = undefined;
    try {
      await pending.place(this.#host, preview, document, fresh);
      preview.range = pending.rangeNow(preview, document, version);
    } catch (error) {
      Object.assign(preview, before);
      throw error;
    }
    if (isNew && older !== undefined) {
      await this.#replace(older, version);
    }
    this.#keep(preview);
    if (tabsOf(preview.uri).length === 0) {
      await pending.show(preview, document, { preview: false });
    }
    this.#refreshed(preview);
    pending.tellLost(preview, document);
    pending.reveal(preview, changes.nextOpen(preview.changes, -1));
  }

  /** Shows an edit as far as it is written. */
  async draft(entry: CommandEntry, wish: Wish, { range, text }: Written): Promise<void> {
    const { document } = wish.target;
    const source = document.uri;
    const all = replaceLines(document.getText(), range, text);
    const older = this.#previews.get(source.toString());
    // A pending edit stays until there is an answer that can take its place.
    if (all === undefined || (older !== undefined && pending.isOfAnother(older, wish))) {
      return;
    }
    const preview = older ?? pending.newPreview(entry, source, this.#newUri(source), range);
    Object.assign(preview, { text: all, shown: [], note: l10n.t("Being written…") });
    if (older === undefined) {
      this.#keep(preview);
      await pending.show(preview, document, { preview: false });
    }
    this.#refreshed(preview);
    pending.reveal(preview, undefined, range);
  }

  /** Says, next to an edit that is being written, why it is being written a second time. */
  note(source: vscode.Uri, note: string): void {
    const preview = this.#previews.get(source.toString());
    if (preview?.note !== undefined) {
      preview.note = note;
      this.#mark(preview);
    }
  }

  /** The edit that is being written has failed: shows the one that was pending before, if any. */
  async giveUp(source: vscode.Uri): Promise<void> {
    const preview = this.#previews.get(source.toString());
    if (preview?.note === undefined) {
      return;
    }
    preview.note = undefined;
    if (preview.versions.length === 0) {
      await this.#close(preview);
    } else {
      await pending.place(this.#host, preview, await openAgain(source), preview.changes);
      this.#refreshed(preview);
    }
  }

  /** The pending edit that is on the screen. */
  async waiting(): Promise<Waiting | undefined> {
    const preview = this.#find(undefined);
    return preview && (await pending.waitingOf(this.#host, preview));
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#byUri(uri)?.text ?? "";
  }

  dispose(): void {
    for (const preview of this.#previews.values()) {
      clearTimeout(preview.timer);
      preview.file?.dispose();
    }
    const own = [this.#changed, this.#marks, this.#spoken];
    vscode.Disposable.from(...this.#subscriptions, ...own).dispose();
  }

  async #decideAll(preview: Preview, decision: Decision): Promise<void> {
    if (preview.versions.length === 0) {
      await (decision === "dropped" ? this.#close(preview) : Promise.resolve());
      return;
    }
    await this.#settle(preview, changes.allDecided(preview.changes, decision));
  }

  /** Decides on the change at the cursor, or on the changes in the lines that a button is at. */
  async #decide(preview: Preview, given: unknown, decision: Decision): Promise<void> {
    const lines = chosenLines(preview.uri, given);
    const meant =
      lines?.isProposed === false
        ? changes.changesAt(preview.changes, lines.range)
        : lines && changes.changesIn(preview.shown, lines.range);
    const indices = meant === undefined || meant.length === 0 ? pending.firstOpen(preview) : meant;
    if (indices.length === 0) {
      throw pending.changedMeanwhile(await openAgain(preview.source));
    }
    const all = changes.decided(preview.changes, indices, decision);
    if (changes.isSettled(all)) {
      await this.#settle(preview, all);
      return;
    }
    await pending.place(this.#host, preview, await openAgain(preview.source), all);
    this.#refreshed(preview);
    this.#spoken.say(decidedText(preview.changes, decision));
    pending.reveal(preview, changes.nextOpen(all, indices.at(-1) ?? -1));
  }

  /** Everything is decided: writes what is kept, and closes the diff. */
  async #settle(preview: Preview, all: readonly Change[]): Promise<void> {
    const answer = preview.versions.at(-1)?.answer;
    if (answer === undefined || this.#applied.has(preview)) {
      return;
    }
    this.#applied.add(preview);
    try {
      const written = await writeKept(this.#host, this.#notifier, preview, answer, all, {
        begin: () => {
          this.#forget(preview);
        },
        failed: () => {
          this.#keep(preview);
        },
        close: () => this.#close(preview),
      });
      if (written !== false) {
        this.#spoken.say(settledText(preview, all));
        this.onOutcome.fire({ answer, ...changes.counts(all), ...written });
      }
    } finally {
      this.#applied.delete(preview);
    }
  }

  async #previous(preview: Preview): Promise<void> {
    const [older, ...newer] = preview.versions.slice(-2);
    if (older === undefined || newer.length === 0) {
      const said = l10n.t("There is no version of this edit before this one.");
      void vscode.window.showInformationMessage(said, ...buttonsFor(said));
      return;
    }
    const document = await openAgain(preview.source);
    await pending.place(this.#host, preview, document, changes.changesOf(older.answer));
    preview.versions = preview.versions.slice(0, -1);
    this.#refreshed(preview);
  }

  /** The preview of this proposed text or document, or the one that is on the screen. */
  #find(given: unknown): Preview | undefined {
    const uri = given instanceof vscode.Uri ? given : activePreview();
    return uri && this.#byUri(uri);
  }

  #byUri(uri: vscode.Uri): Preview | undefined {
    const wanted = uri.toString();
    const all = [...this.#previews.values()];
    return all.find((it) => it.uri.toString() === wanted || it.source.toString() === wanted);
  }

  #follow(document: vscode.TextDocument): void {
    const preview = this.#previews.get(document.uri.toString());
    if (preview !== undefined) {
      clearTimeout(preview.timer);
      preview.timer = setTimeout(() => {
        void this.#followNow(preview, document);
      }, REFRESH_AFTER_MS);
    }
  }

  async #followNow(preview: Preview, document: vscode.TextDocument): Promise<void> {
    if (preview.note !== undefined) {
      return;
    }
    await pending.place(this.#host, preview, document, preview.changes).catch(() => undefined);
    if (this.#previews.get(preview.source.toString()) !== preview) {
      return;
    }
    this.#refreshed(preview);
    pending.tellLost(preview, document);
  }

  #refreshed(preview: Preview): void {
    this.#changed.fire(preview.uri);
    this.#mark(preview);
    this.#updateContext();
  }

  #markIn(uri: vscode.Uri): void {
    const preview = uri.scheme === PREVIEW_SCHEME ? this.#byUri(uri) : undefined;
    if (preview !== undefined) {
      this.#mark(preview);
    }
  }

  #mark(preview: Preview): void {
    this.#marks.show(preview.uri, marksOf(preview));
  }

  #endClosed(closed: readonly vscode.Tab[]): void {
    const open = new Set(allTabs().map((tab) => previewOf(tab)?.toString()));
    for (const tab of closed) {
      const uri = previewOf(tab);
      const preview = uri && !open.has(uri.toString()) ? this.#byUri(uri) : undefined;
      if (preview !== undefined && preview.file?.isMoving !== true) {
        if (preview.versions.length === 0 || preview.note !== undefined) {
          this.#forget(preview);
          this.onGivenUp.fire(preview.source);
        } else {
          const all = changes.allDecided(preview.changes, "dropped");
          void this.#notifier
            .guarded(() => this.#settle(preview, all))
            .finally(() => {
              this.#forget(preview);
            });
        }
      }
    }
  }

  /**
   * Opens the diff again: the editor closes the one of the old name, or its left half has become
   * empty.
   */
  async #moved(preview: Preview, to: vscode.Uri): Promise<void> {
    const old = tabsOf(preview.uri);
    const column = old[0]?.group.viewColumn;
    this.#previews.delete(preview.source.toString());
    preview.source = to;
    preview.uri = this.#newUri(to);
    this.#previews.set(to.toString(), preview);
    try {
      const document = await openAgain(to);
      const where = column === undefined ? {} : { viewColumn: column };
      await pending.show(preview, document, { ...where, preview: false, preserveFocus: true });
      this.#mark(preview);
    } catch (error) {
      this.#forget(preview);
      this.#notifier.error(error);
    }
    // Skip tabs that the editor has closed meanwhile.
    const left = allTabs().filter((tab) => old.includes(tab));
    await vscode.window.tabGroups.close(left, true);
  }

  #newUri(source: vscode.Uri): vscode.Uri {
    this.#count += 1;
    return source.with({ scheme: PREVIEW_SCHEME, authority: "", query: `${this.#count}` });
  }

  #keep(preview: Preview): void {
    preview.file?.dispose();
    this.#previews.set(preview.source.toString(), preview);
    preview.file = new FollowedFile(preview.source, (to) => {
      void this.#moved(preview, to);
    });
  }

  #forget(preview: Preview): void {
    clearTimeout(preview.timer);
    preview.file?.dispose();
    if (this.#previews.get(preview.source.toString()) === preview) {
      this.#previews.delete(preview.source.toString());
    }
  }

  /** Another edit replaces this one. */
  async #replace(preview: Preview, by: Version): Promise<void> {
    await this.#close(preview);
    const answer = preview.versions.at(-1)?.answer;
    if (answer !== undefined) {
      const { all } = changes.counts(preview.changes);
      this.onOutcome.fire({ answer, all, kept: 0, again: pending.askedAgain(preview, by) });
    }
  }

  async #close(preview: Preview): Promise<void> {
    this.#forget(preview);
    await vscode.window.tabGroups.close(tabsOf(preview.uri));
  }

  #updateContext(): void {
    const uri = activePreview();
    pending.setKeys(uri !== undefined, uri && this.#byUri(uri));
  }
}
