/**
 * The part of the editor's published API that writes, shows and asks, working on real files: the
 * bundler puts it in place of `vscode` in the tests of features. It does what the API promises and
 * nothing else: documents with undo steps, tabs with diffs, commands, and messages, which `screen`
 * keeps for the test and answers as the test says. How the whole editor behaves is for the stories
 * to show.
 */
import { readFileSync, statSync } from "node:fs";

import { URI } from "vscode-uri";

import { CancellationSource, Disposable, Emitter } from "./events";
import { changed, Position, Range, read, Selection, TextEdit } from "./text";
import type { TextDocument } from "./text";

export { URI as Uri, Disposable, Emitter as EventEmitter, Position, Range, Selection, TextEdit };

/** A message and its buttons. */
interface Shown {
  readonly kind: "information" | "warning" | "error";
  readonly text: string;
  readonly buttons: readonly string[];
  readonly modal: boolean;
}

/** What the test sees of the window, and does in it. */
export const screen = {
  messages: [] as Shown[],
  /** The user's settings, by their full names. */
  settings: new Map<string, unknown>(),
  /** The button that is pressed on a message; `undefined` to leave it alone. */
  press: (() => undefined) as (message: Shown) => string | undefined,
  /** The entry of a list that is chosen, by its label. */
  choose: (() => undefined) as (labels: readonly string[]) => string | undefined,
  /** Whether the editor accepts a change; called before the change is made. */
  accepts: (): boolean => true,
  /** The proposed text in the active tab. */
  proposed(): string {
    const { modified } = activeDiff();
    return providers.get(modified.scheme)?.provideTextDocumentContent(modified) ?? "";
  },
  /** The path of the document that the active tab compares it with. */
  compared(): string {
    return activeDiff().original.path;
  },
  /** Closes the active tab, as a user does. */
  closeTab(): void {
    closeTabs(tabs.slice(-1));
  },
  /** Renames a file in the editor, as a user does. */
  async rename(oldUri: URI, newUri: URI, move: () => void): Promise<void> {
    const files = [{ oldUri, newUri }];
    willRename.fire({ files });
    move();
    const document = documents.get(oldUri.toString());
    documents.delete(oldUri.toString());
    if (document !== undefined) {
      await workspace.openTextDocument(newUri);
    }
    didRename.fire({ files });
  },
  /** Opens a file, with the cursor at its start. */
  async open(uri: URI): Promise<TextDocument> {
    const document = await Promise.resolve(opened(uri));
    const selection = new Selection(0, 0, 0, 0);
    window.activeTextEditor = { document, selection, viewColumn: 1 };
    return document;
  },
  reset(): void {
    screen.messages = [];
    screen.press = () => undefined;
    screen.choose = () => undefined;
    screen.accepts = () => true;
    tabs.length = 0;
    documents.clear();
    screen.settings.clear();
    commandsByName.clear();
    window.activeTextEditor = undefined;
  },
};

interface Editor {
  readonly document: TextDocument;
  selection: Selection;
  readonly viewColumn: number;
}

export class TabInputTextDiff {
  constructor(
    readonly original: URI,
    readonly modified: URI,
  ) {}
}

interface Tab {
  readonly input: TabInputTextDiff;
  readonly group: { readonly viewColumn: number };
}

interface ContentProvider {
  provideTextDocumentContent(uri: URI): string;
}

const tabs: Tab[] = [];
const documents = new Map<string, TextDocument>();
const providers = new Map<string, ContentProvider>();
const commandsByName = new Map<string, (...given: unknown[]) => unknown>();
const tabsChanged = new Emitter<{ closed: readonly Tab[] }>();
const willRename = new Emitter<{ files: readonly { oldUri: URI; newUri: URI }[] }>();
const didRename = new Emitter<{ files: readonly { oldUri: URI; newUri: URI }[] }>();
const never = new Emitter<never>();

function activeDiff(): TabInputTextDiff {
  const input = tabs.at(-1)?.input;
  if (input === undefined) {
    throw new Error("no diff is open");
  }
  return input;
}

function closeTabs(closed: readonly Tab[]): void {
  const gone = closed.filter((tab) => tabs.includes(tab));
  tabs.splice(0, tabs.length, ...tabs.filter((tab) => !gone.includes(tab)));
  if (gone.length > 0) {
    tabsChanged.fire({ closed: gone });
  }
}

type Message = (text: string, ...more: unknown[]) => Promise<string | undefined>;

function message(kind: Shown["kind"]): Message {
  return (text, ...more) => {
    const buttons = more.filter((it) => typeof it === "string");
    const modal = more.some((it) => (it as { modal?: boolean }).modal === true);
    const shown = { kind, text, buttons, modal };
    screen.messages.push(shown);
    const pressed = screen.press(shown);
    return Promise.resolve(buttons.find((it) => it === pressed));
  };
}

export const window = {
  activeTextEditor: undefined as Editor | undefined,
  visibleTextEditors: [] as Editor[],
  showInformationMessage: message("information"),
  showWarningMessage: message("warning"),
  showErrorMessage: message("error"),
  setStatusBarMessage: (): void => undefined,
  createStatusBarItem: () => ({
    text: "",
    show: () => undefined,
    hide: () => undefined,
    dispose: () => undefined,
  }),
  createTextEditorDecorationType: () => new Disposable(() => undefined),
  onDidChangeVisibleTextEditors: never.event,
  onDidChangeActiveTextEditor: never.event,
  showTextDocument: (document: TextDocument): Promise<TextDocument> => Promise.resolve(document),
  showQuickPick: <T extends { label: string }>(items: readonly T[]): Promise<T | undefined> => {
    const chosen = screen.choose(items.map(({ label }) => label));
    return Promise.resolve(items.find(({ label }) => label === chosen));
  },
  showOpenDialog: (): Promise<readonly URI[] | undefined> => Promise.resolve(undefined),
  withProgress: <T>(_options: unknown, work: (...given: unknown[]) => Promise<T>): Promise<T> =>
    work({ report: () => undefined }, new CancellationSource().token),
  tabGroups: {
    get all() {
      return [{ tabs: [...tabs] }];
    },
    get activeTabGroup() {
      return { activeTab: tabs.at(-1) };
    },
    close: (closed: Tab | readonly Tab[]): Promise<boolean> => {
      closeTabs(Array.isArray(closed) ? closed : [closed]);
      return Promise.resolve(true);
    },
    onDidChangeTabs: tabsChanged.event,
    onDidChangeTabGroups: never.event,
  },
};

export const commands = {
  registerCommand: (name: string, act: (...given: unknown[]) => unknown): Disposable => {
    commandsByName.set(name, act);
    return new Disposable(() => commandsByName.delete(name));
  },
  executeCommand: async (name: string, ...given: unknown[]): Promise<unknown> => {
    if (name === "vscode.diff") {
      const input = new TabInputTextDiff(given[0] as URI, given[1] as URI);
      tabs.push({ input, group: { viewColumn: 1 } });
      return undefined;
    }
    return await commandsByName.get(name)?.(...given);
  },
};

export class WorkspaceEdit {
  readonly changes: { readonly uri: URI; readonly edit: TextEdit }[] = [];

  replace(uri: URI, range: Range, text: string): void {
    this.changes.push({ uri, edit: new TextEdit(range, text) });
  }
}

export class FileSystemError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

function opened(uri: URI): TextDocument {
  const known = documents.get(uri.toString());
  if (known !== undefined) {
    return known;
  }
  const document = read(uri);
  documents.set(uri.toString(), document);
  return document;
}

export const workspace = {
  isTrusted: true,
  workspaceFolders: undefined,
  notebookDocuments: [] as never[],
  get textDocuments() {
    return [...documents.values()];
  },
  /** Opens a file, a proposed text, or an untitled document. */
  openTextDocument: (
    of: URI | { readonly content: string },
  ): Promise<TextDocument | { languageId: string }> =>
    of instanceof URI && of.scheme === "file"
      ? Promise.resolve(opened(of))
      : Promise.resolve({ languageId: "python" }),
  registerTextDocumentContentProvider: (scheme: string, provider: ContentProvider): Disposable => {
    providers.set(scheme, provider);
    return new Disposable(() => providers.delete(scheme));
  },
  onDidChangeTextDocument: changed.event,
  onWillRenameFiles: willRename.event,
  onDidRenameFiles: didRename.event,
  asRelativePath: (uri: URI): string => uri.path.split("/").at(-1) ?? "",
  getWorkspaceFolder: () => undefined,
  applyEdit: (edit: WorkspaceEdit): Promise<boolean> => {
    if (!screen.accepts()) {
      return Promise.resolve(false);
    }
    for (const document of documents.values()) {
      const own = edit.changes.filter(({ uri }) => uri.toString() === document.uri.toString());
      if (own.length > 0) {
        document.change(own.map((it) => it.edit));
      }
    }
    return Promise.resolve(true);
  },
  decode: (bytes: Uint8Array): Promise<string> => Promise.resolve(new TextDecoder().decode(bytes)),
  encode: (text: string): Promise<Uint8Array> => Promise.resolve(new TextEncoder().encode(text)),
  fs: {
    isWritableFileSystem: (scheme: string): boolean | undefined =>
      scheme === "file" ? true : undefined,
    readFile: (uri: URI): Promise<Uint8Array> => Promise.resolve(readFileSync(uri.fsPath)),
    stat: async (uri: URI): Promise<unknown> => {
      try {
        return await Promise.resolve(statSync(uri.fsPath));
      } catch {
        throw new FileSystemError("FileNotFound");
      }
    },
  },
  getConfiguration: (section: string) => ({
    get: <T>(key: string, otherwise?: T): T | undefined =>
      (screen.settings.get(`${section}.${key}`) as T | undefined) ?? otherwise,
    inspect: (key: string) => ({ globalValue: screen.settings.get(`${section}.${key}`) }),
    update: (key: string, value: unknown): Promise<void> => {
      if (value === undefined) {
        screen.settings.delete(`${section}.${key}`);
      } else {
        screen.settings.set(`${section}.${key}`, value);
      }
      return Promise.resolve();
    },
  }),
};

export const languages = {
  getDiagnostics: () => [],
  onDidChangeDiagnostics: never.event,
  setTextDocumentLanguage: (): Promise<void> => Promise.resolve(),
  registerInlineCompletionItemProvider: (_selector: unknown, provider: unknown): Disposable => {
    registered.completion = provider;
    return new Disposable(() => undefined);
  },
  createLanguageStatusItem: (): StatusItem => {
    registered.status = { name: "", text: "", detail: "", dispose: () => undefined };
    return registered.status;
  },
  /**
   * Matches glob patterns from file settings: only `**` and a name, which is all that the tests
   * use.
   */
  match: (selector: unknown, document: TextDocument): number => {
    const { pattern } = selector as { pattern?: string };
    return pattern === undefined || document.uri.path.endsWith(pattern.replace("**", "")) ? 10 : 0;
  },
};

interface StatusItem {
  name: string;
  text: string;
  detail: string;
  dispose(): void;
}

/** Everything that features have registered with the editor. */
export const registered: {
  completion?: unknown;
  chat?: unknown;
  status?: StatusItem;
  acted: Emitter<unknown>;
} = {
  acted: new Emitter<unknown>(),
};

export const chat = {
  createChatParticipant: (_id: string, answer: unknown) => {
    registered.chat = answer;
    return { onDidPerformAction: registered.acted.event, dispose: () => undefined };
  },
};

export const lm = {
  registerLanguageModelChatProvider: (): Disposable => new Disposable(() => undefined),
};

export class InlineCompletionItem {
  constructor(
    readonly insertText: string,
    readonly range: Range,
  ) {}
}

export class ThemeColor {
  constructor(readonly id: string) {}
}
export class ThemeIcon {
  constructor(readonly id: string) {}
}
export class RelativePattern {
  constructor(
    readonly base: unknown,
    readonly pattern: string,
  ) {}
}
export class NotebookRange {
  constructor(
    readonly start: number,
    readonly end: number,
  ) {}
}
export const LanguageModelError = { NoPermissions: (text: string): Error => new Error(text) };
export const InlineCompletionTriggerKind = { Invoke: 0, Automatic: 1 };
export const DecorationRangeBehavior = { ClosedClosed: 1 };
export const DiagnosticSeverity = { Error: 0, Warning: 1, Information: 2, Hint: 3 };
export const TextEditorRevealType = { InCenterIfOutsideViewport: 2, InCenter: 1 };
export const ConfigurationTarget = { Global: 1 };
export const ProgressLocation = { Notification: 15 };
