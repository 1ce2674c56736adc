/**
 * Improvements that wait for the user's decision: a diff between the document and the text as it
 * would be, with Apply and Discard. The diff follows the document while it is open, and its file where
 * that is renamed. Closing it discards; only Apply writes.
 */
import * as vscode from "vscode";

import type { CommandEntry, EditAnswer, LineRange } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { toErrorInfo } from "../lib/errors";
import { lineLabel, withEdits } from "../lib/lines";
import type { Placed } from "../lib/lines";
import { buttonsFor, capitalized } from "../lib/words";

import { isWanted, planEdit, revealLine, savePlan, takeBack, writePlan } from "./apply";
import { DiagnosticsWatch } from "./diagnostics";
import { openAgain } from "./disk";
import type { Ledger } from "./ledger";
import { locateEdits } from "./locate";
import { FollowedFile } from "./moves";
import type { Notifier } from "./notify";
import { documentName, PREVIEW_SCHEME } from "./target";

/** How long the document must rest before the diff follows it, in milliseconds. */
const REFRESH_AFTER_MS = 150;

/** One improvement that waits. */
interface Preview {
  readonly entry: CommandEntry;
  readonly answer: EditAnswer;
  readonly column: vscode.ViewColumn | undefined;
  source: vscode.Uri;
  uri: vscode.Uri;
  range: LineRange;
  text: string;
  stale: boolean;
  timer?: NodeJS.Timeout | undefined;
  file?: FollowedFile;
}

/** See the module. Keyed by the document: a newer improvement replaces an older one. */
export class Previews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #host: HostConnection;
  readonly #ledger: Ledger;
  readonly #notifier: Notifier;
  readonly #previews = new Map<string, Preview>();
  /** Those that are being applied: a key that is pressed twice applies once. */
  readonly #applied = new Set<Preview>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #subscriptions: vscode.Disposable[];
  #count = 0;

  readonly onDidChange = this.#changed.event;

  constructor(host: HostConnection, ledger: Ledger, notifier: Notifier) {
    this.#host = host;
    this.#ledger = ledger;
    this.#notifier = notifier;
    const { tabGroups } = vscode.window;
    closeLeftovers();
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

  /** Shows an improvement of the document that is there now. */
  async open(entry: CommandEntry, source: vscode.Uri, answer: EditAnswer): Promise<void> {
    const document = await openAgain(source);
    const placed = await locateEdits(this.#host, document, answer);
    const older = this.#previews.get(source.toString());
    if (older !== undefined) {
      if (isAbout(older, placed[0].range)) {
        this.#ledger.askedAgain(older.answer, older.entry, entry);
      }
      await this.#close(older);
    }
    const preview: Preview = {
      entry,
      answer,
      column: vscode.window.activeTextEditor?.viewColumn,
      source,
      uri: this.#newUri(source),
      range: placed[0].range,
      text: proposed(document, placed),
      stale: false,
    };
    this.#keep(preview);
    this.#ledger.shown(answer);
    await show(preview, document, { preview: false });
  }

  /** What is asked for again in another way than by the same command. */
  retried(answer: EditAnswer): void {
    this.#ledger.decided(answer, { kind: "retried" });
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#find(uri)?.text ?? "";
  }

  dispose(): void {
    for (const preview of this.#previews.values()) {
      clearTimeout(preview.timer);
      preview.file?.dispose();
    }
    vscode.Disposable.from(...this.#subscriptions, this.#changed).dispose();
  }

  async #apply(uri: vscode.Uri | undefined): Promise<void> {
    const preview = this.#find(uri);
    if (preview === undefined || this.#applied.has(preview)) {
      return;
    }
    this.#applied.add(preview);
    try {
      await preview.file?.settled();
      let plan = await planEdit(this.#host, preview.source, preview.answer);
      if (preview.answer.sensitive !== undefined) {
        if (!(await isWanted(plan.document, preview.answer.sensitive))) {
          return;
        }
        // Much may have happened while the user was asked.
        await preview.file?.settled();
        plan = await planEdit(this.#host, preview.source, preview.answer);
      }
      const watch = new DiagnosticsWatch(plan.document);
      const before = plan.document.getText();
      // From here on the document's changes are ours and the diff need not follow them.
      this.#forget(preview);
      try {
        await writePlan(plan);
      } catch (error) {
        this.#keep(preview);
        throw error;
      }
      this.#ledger.kept(preview.answer, plan.document, before);
      await savePlan(plan);
      // In this order: a file that only the diff has open would lose what can be undone.
      await revealLine(plan.document, plan.placed[0].range, preview.column);
      await this.#close(preview);
      const after = plan.document.getText();
      watch.tell(() => {
        void this.#notifier.guarded(() => takeBack(plan.document.uri, before, after));
      });
      const where = `${lineLabel(plan.placed[0].range)} of ${documentName(plan.document)}`;
      vscode.window.setStatusBarMessage(`$(check) Improved ${where}`, 5_000);
    } catch (error) {
      this.#notifier.error(error);
    } finally {
      this.#applied.delete(preview);
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
      const placed = await locateEdits(this.#host, document, preview.answer);
      preview.range = placed[0].range;
      preview.text = proposed(document, placed);
      preview.stale = false;
      this.#changed.fire(preview.uri);
    } catch (error) {
      const isOpen = this.#previews.get(preview.source.toString()) === preview;
      if (isOpen && !preview.stale && toErrorInfo(error).code === "documentChanged") {
        preview.stale = true;
        const said =
          `The code that this improvement replaces in ${documentName(document)} was changed. ` +
          "It can only be applied if that is undone.";
        void vscode.window.showWarningMessage(said, ...buttonsFor(said));
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
        if (preview !== undefined && preview.file?.isMoving !== true) {
          this.#forget(preview);
          this.#ledger.closed(preview.answer);
        }
      }
    }
  }

  /** The diff of the old name is closed by the editor, or its left half is nothing any more. */
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
      await show(preview, document, { ...where, preview: false, preserveFocus: true });
    } catch (error) {
      this.#forget(preview);
      this.#notifier.error(error);
    }
    // Those that the editor has closed meanwhile are none any more.
    const left = allTabs().filter((tab) => old.includes(tab));
    await vscode.window.tabGroups.close(left, true);
  }

  #newUri(source: vscode.Uri): vscode.Uri {
    this.#count += 1;
    return source.with({ scheme: PREVIEW_SCHEME, authority: "", query: `${this.#count}` });
  }

  #keep(preview: Preview): void {
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

  async #close(preview: Preview): Promise<void> {
    this.#forget(preview);
    this.#ledger.closed(preview.answer);
    await vscode.window.tabGroups.close(tabsOf(preview.uri));
  }
}

function isAbout({ range }: Preview, lines: LineRange): boolean {
  return range.start <= lines.end && lines.start <= range.end;
}

function proposed(document: vscode.TextDocument, placed: readonly Placed[]): string {
  return withEdits(document.getText(), placed) ?? document.getText();
}

async function show(
  preview: Preview,
  document: vscode.TextDocument,
  options: vscode.TextDocumentShowOptions,
): Promise<void> {
  const shown = await vscode.workspace.openTextDocument(preview.uri);
  if (shown.languageId !== document.languageId) {
    await vscode.languages.setTextDocumentLanguage(shown, document.languageId);
  }
  const name = documentName(document);
  const title = `${capitalized(preview.entry.id)} ${name} (${lineLabel(preview.range)})`;
  await vscode.commands.executeCommand("vscode.diff", document.uri, preview.uri, title, options);
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

function tabsOf(uri: vscode.Uri): vscode.Tab[] {
  return allTabs().filter((tab) => previewOf(tab)?.toString() === uri.toString());
}

/** Extensions that are started again find their tabs, which show nothing that one may apply. */
function closeLeftovers(): void {
  const left = allTabs().filter((tab) => previewOf(tab) !== undefined);
  if (left.length > 0) {
    void vscode.window.tabGroups.close(left);
    const said =
      "The editor has started its extensions again, and what waited to be applied is gone. Nothing was written. " +
      "Select the code and ask once more.";
    void vscode.window.showWarningMessage(said, ...buttonsFor(said));
  }
}

/** For the keys: focus may be in either half of the diff. */
function updateContext(): void {
  const active = activePreview() !== undefined;
  void vscode.commands.executeCommand("setContext", "localcoder.previewActive", active);
}
