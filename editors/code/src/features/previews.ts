/**
 * Improvements that wait for the user's decision: a diff between the document and the text as it
 * would be, with Apply and Discard. The diff follows the document while it is open. Closing it
 * discards; only Apply writes.
 */
import * as vscode from "vscode";

import type { CommandEntry, EditAnswer, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { toErrorInfo } from "../lib/errors";
import { lineLabel, replaceLines } from "../lib/lines";
import { capitalized } from "../lib/words";

import { locateEdit, writeEdit } from "./locate";
import type { Notifier } from "./notify";
import { documentName, PREVIEW_SCHEME } from "./target";

/** How long the document must rest before the diff follows it, in milliseconds. */
const REFRESH_AFTER_MS = 150;

/** One improvement that waits. */
interface Preview {
  readonly source: vscode.Uri;
  readonly uri: vscode.Uri;
  readonly answer: EditAnswer;
  readonly column: vscode.ViewColumn | undefined;
  text: string;
  stale: boolean;
  timer?: NodeJS.Timeout | undefined;
}

/** See the module. Keyed by the document: a newer improvement replaces an older one. */
export class Previews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #host: HostConnection;
  readonly #notifier: Notifier;
  readonly #previews = new Map<string, Preview>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #subscriptions: vscode.Disposable[];
  #count = 0;

  readonly onDidChange = this.#changed.event;

  constructor(host: HostConnection, notifier: Notifier) {
    this.#host = host;
    this.#notifier = notifier;
    const { tabGroups } = vscode.window;
    this.#subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(PREVIEW_SCHEME, this),
      vscode.workspace.onDidChangeTextDocument((event) => {
        this.#follow(event.document);
      }),
      tabGroups.onDidChangeTabs((event) => {
        this.#forgetClosed(event.closed);
        updateContext();
      }),
      tabGroups.onDidChangeTabGroups(updateContext),
      vscode.commands.registerCommand("localcoder.applyImprovement", (uri?: vscode.Uri) =>
        this.#apply(uri),
      ),
      vscode.commands.registerCommand("localcoder.discardImprovement", (uri?: vscode.Uri) =>
        this.#discard(uri),
      ),
    ];
  }

  /** Shows an improvement of the document. */
  async open(
    entry: CommandEntry,
    document: vscode.TextDocument,
    answer: EditAnswer,
  ): Promise<void> {
    const range = await locateEdit(this.#host, document, answer.edit);
    const older = this.#previews.get(document.uri.toString());
    if (older !== undefined) {
      await this.#close(older);
    }
    this.#count += 1;
    const preview: Preview = {
      source: document.uri,
      uri: document.uri.with({ scheme: PREVIEW_SCHEME, authority: "", query: `${this.#count}` }),
      answer,
      column: vscode.window.activeTextEditor?.viewColumn,
      text: proposed(document, range, answer),
      stale: false,
    };
    this.#previews.set(document.uri.toString(), preview);
    const shown = await vscode.workspace.openTextDocument(preview.uri);
    if (shown.languageId !== document.languageId) {
      await vscode.languages.setTextDocumentLanguage(shown, document.languageId);
    }
    const title = `${capitalized(entry.id)} ${documentName(document)} (${lineLabel(range)})`;
    await vscode.commands.executeCommand("vscode.diff", document.uri, preview.uri, title, {
      preview: false,
    });
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#find(uri)?.text ?? "";
  }

  dispose(): void {
    for (const preview of this.#previews.values()) {
      clearTimeout(preview.timer);
    }
    vscode.Disposable.from(...this.#subscriptions, this.#changed).dispose();
  }

  async #apply(uri: vscode.Uri | undefined): Promise<void> {
    const preview = this.#find(uri);
    if (preview === undefined) {
      return;
    }
    try {
      const document = await vscode.workspace.openTextDocument(preview.source);
      const { edit } = preview.answer;
      const range = await locateEdit(this.#host, document, edit);
      const save = !document.isDirty && document.uri.scheme === "file";
      // From here on the document's changes are ours and the diff need not follow them.
      this.#forget(preview);
      try {
        await writeEdit(document, range, edit);
      } catch (error) {
        this.#previews.set(preview.source.toString(), preview);
        throw error;
      }
      if (save && !(await document.save())) {
        void vscode.window.showWarningMessage(
          `The improvement is in the editor, but ${documentName(document)} could not be saved.`,
        );
      }
      await this.#close(preview);
      await revealLine(document, range, preview.column);
      const where = `${lineLabel(range)} of ${documentName(document)}`;
      vscode.window.setStatusBarMessage(`$(check) Improved ${where}`, 5_000);
    } catch (error) {
      this.#notifier.error(error);
    }
  }

  async #discard(uri: vscode.Uri | undefined): Promise<void> {
    const preview = this.#find(uri);
    if (preview !== undefined) {
      await this.#close(preview);
    }
  }

  /** The preview of this text or document, or the one that is on the screen. */
  #find(uri: vscode.Uri | undefined): Preview | undefined {
    const wanted = (uri ?? activePreview())?.toString();
    const all = [...this.#previews.values()];
    return all.find((it) => it.uri.toString() === wanted || it.source.toString() === wanted);
  }

  #follow(document: vscode.TextDocument): void {
    const preview = this.#previews.get(document.uri.toString());
    if (preview !== undefined) {
      clearTimeout(preview.timer);
      preview.timer = setTimeout(() => {
        void this.#refresh(preview, document);
      }, REFRESH_AFTER_MS);
    }
  }

  async #refresh(preview: Preview, document: vscode.TextDocument): Promise<void> {
    try {
      const range = await locateEdit(this.#host, document, preview.answer.edit);
      preview.text = proposed(document, range, preview.answer);
      preview.stale = false;
      this.#changed.fire(preview.uri);
    } catch (error) {
      const isOpen = this.#previews.get(preview.source.toString()) === preview;
      if (isOpen && !preview.stale && toErrorInfo(error).code === "documentChanged") {
        preview.stale = true;
        void vscode.window.showWarningMessage(
          `The code that this improvement replaces in ${documentName(document)} was changed. ` +
            "It can only be applied if that is undone.",
        );
      }
    }
  }

  #forgetClosed(closed: readonly vscode.Tab[]): void {
    const open = new Set(allTabs().map((tab) => previewOf(tab)?.toString()));
    for (const tab of closed) {
      const uri = previewOf(tab);
      if (uri !== undefined && !open.has(uri.toString())) {
        const preview = [...this.#previews.values()].find(
          (it) => it.uri.toString() === uri.toString(),
        );
        if (preview !== undefined) {
          this.#forget(preview);
        }
      }
    }
  }

  #forget(preview: Preview): void {
    clearTimeout(preview.timer);
    if (this.#previews.get(preview.source.toString()) === preview) {
      this.#previews.delete(preview.source.toString());
    }
  }

  async #close(preview: Preview): Promise<void> {
    this.#forget(preview);
    const wanted = preview.uri.toString();
    const tabs = allTabs().filter((tab) => previewOf(tab)?.toString() === wanted);
    await vscode.window.tabGroups.close(tabs);
  }
}

function proposed(document: vscode.TextDocument, range: LineRange, answer: EditAnswer): string {
  return replaceLines(document.getText(), range, answer.edit.replacement) ?? document.getText();
}

async function revealLine(
  document: vscode.TextDocument,
  range: LineRange,
  column: vscode.ViewColumn | undefined,
): Promise<void> {
  const place = new vscode.Range(range.start - 1, 0, range.start - 1, 0);
  const where = column === undefined ? {} : { viewColumn: column };
  await vscode.window.showTextDocument(document, { ...where, selection: place });
}

function allTabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}

function previewOf(tab: vscode.Tab | undefined): vscode.Uri | undefined {
  const input = tab?.input;
  return input instanceof vscode.TabInputTextDiff && input.modified.scheme === PREVIEW_SCHEME
    ? input.modified
    : undefined;
}

function activePreview(): vscode.Uri | undefined {
  return previewOf(vscode.window.tabGroups.activeTabGroup.activeTab);
}

/** For the keys: focus may be in either half of the diff. */
function updateContext(): void {
  const active = activePreview() !== undefined;
  void vscode.commands.executeCommand("setContext", "localcoder.previewActive", active);
}
