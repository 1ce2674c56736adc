/**
 * The list of models in the side bar: what is installed, what can be, and what can be done with
 * each. A tree of the editor's own, so that keyboard and screen reader work as everywhere.
 */
import * as vscode from "vscode";

import type { ModelsProgram } from "../host/models";
import { HostError, isErrorInfo } from "../lib/errors";
import { loadingText, readExported, readModels } from "../lib/models";
import type { Loading, ModelKind, ModelList, ModelRow, Use } from "../lib/models";
import { plain } from "../lib/words";

import type { Notifier } from "./notify";
import { giveUpOwn } from "./settings";

const VIEW = "localcoder.models";

/** A codicon for each kind, and what a screen reader says of it. */
const KINDS: Record<ModelKind, readonly [icon: string, words: string]> = {
  inUse: ["check", "in use"],
  installed: ["package", "installed"],
  broken: ["warning", "damaged"],
  available: ["cloud-download", "can be installed"],
  begun: ["debug-pause", "paused"],
  loading: ["sync~spin", "loading"],
};

const SETTINGS: Record<Use, string> = { code: "codeModel", general: "generalModel" };

type Node = "installed" | "available" | ModelRow;

interface Download {
  loading: Loading;
  readonly stop: () => void;
}

/** Adds the view and its commands. `chosen`: another model is in use from now on. */
export function registerModels(
  program: ModelsProgram,
  notifier: Notifier,
  chosen: () => void,
): vscode.Disposable {
  const models = new Models(program, notifier, chosen);
  const view = vscode.window.createTreeView(VIEW, { treeDataProvider: models });
  models.onDisk((text) => {
    view.message = text;
  });
  const on = (command: string, act: (row: ModelRow) => Promise<void>): vscode.Disposable =>
    vscode.commands.registerCommand(command, async (row?: ModelRow) => {
      const chosen = row ?? (await models.choose(command));
      if (chosen !== undefined) {
        await models.guarded(() => act(chosen));
      }
    });
  return vscode.Disposable.from(
    view,
    models,
    view.onDidChangeVisibility(({ visible }) => {
      if (visible) {
        models.refresh();
      }
    }),
    on("localcoder.models.install", (row) => models.install(row)),
    on("localcoder.models.pause", (row) => models.pause(row)),
    on("localcoder.models.discard", (row) => models.discard(row)),
    on("localcoder.models.use", (row) => models.use(row, "code")),
    on("localcoder.models.useForGeneral", (row) => models.use(row, "general")),
    on("localcoder.models.verify", (row) => models.verify(row)),
    on("localcoder.models.remove", (row) => models.remove(row)),
    on("localcoder.models.export", (row) => models.export(row)),
    vscode.commands.registerCommand("localcoder.models.importExported", () =>
      models.guarded(() => models.importExported()),
    ),
    vscode.commands.registerCommand("localcoder.models.import", () =>
      models.guarded(() => models.import()),
    ),
    vscode.commands.registerCommand("localcoder.models.refresh", () => {
      models.refresh();
    }),
    vscode.commands.registerCommand("localcoder.models.show", () =>
      vscode.commands.executeCommand(`${VIEW}.focus`),
    ),
  );
}

/** For which kinds a command makes sense, where it is called without a row. */
const CHOICES: Record<string, readonly ModelKind[]> = {
  "localcoder.models.install": ["available", "begun", "broken"],
  "localcoder.models.pause": ["loading"],
  "localcoder.models.discard": ["begun"],
  "localcoder.models.use": ["installed", "inUse"],
  "localcoder.models.useForGeneral": ["installed", "inUse"],
  "localcoder.models.verify": ["installed", "inUse"],
  "localcoder.models.remove": ["installed", "broken"],
  "localcoder.models.export": ["installed", "inUse"],
};

/** These are of models in the store, and the demo is none. */
const STORED = new Set([
  "localcoder.models.verify",
  "localcoder.models.remove",
  "localcoder.models.export",
]);

class Models implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #program: ModelsProgram;
  readonly #notifier: Notifier;
  readonly #changed = new vscode.EventEmitter<Node | undefined>();
  readonly #downloads = new Map<string, Download>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #chosen: () => void;
  /** What was asked for last; an answer that came too late is not shown. */
  #list: Promise<ModelList> | undefined;
  #tellDisk: (text: string) => void = () => undefined;

  constructor(program: ModelsProgram, notifier: Notifier, chosen: () => void) {
    this.#program = program;
    this.#notifier = notifier;
    this.#chosen = chosen;
  }

  onDisk(tell: (text: string) => void): void {
    this.#tellDisk = tell;
  }

  refresh(): void {
    this.#list = undefined;
    this.#changed.fire(undefined);
  }

  async getChildren(node?: Node): Promise<Node[]> {
    try {
      const asked = this.#read();
      const list = await asked;
      if (asked === this.#list) {
        this.#tellDisk(list.disk);
      }
      if (node === undefined) {
        return list.available.length > 0 ? ["installed", "available"] : ["installed"];
      }
      return typeof node === "string" ? [...list[node]] : [];
    } catch (error) {
      this.#notifier.error(error, () => {
        this.refresh();
      });
      return [];
    }
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (typeof node === "string") {
      const title = node === "installed" ? "Installed" : "Can be installed";
      return new vscode.TreeItem(title, vscode.TreeItemCollapsibleState.Expanded);
    }
    const item = new vscode.TreeItem(plain(node.name));
    const download = this.#downloads.get(node.id);
    const description = download === undefined ? node.description : loadingText(download.loading);
    const [icon, words] = KINDS[node.kind];
    item.id = node.id;
    item.description = plain(description);
    item.tooltip = [node.name, ...node.facts].map(plain).join("\n");
    item.iconPath = new vscode.ThemeIcon(icon);
    item.contextValue = [node.id === "demo" ? "demo" : node.kind, ...node.uses].join(".");
    item.accessibilityInformation = { label: `${plain(node.name)}, ${words}, ${description}` };
    return item;
  }

  /** Asks for the model, where a command was called from the palette. */
  async choose(command: string): Promise<ModelRow | undefined> {
    const list = await this.#read();
    const kinds = CHOICES[command] ?? [];
    const rows = [...list.installed, ...list.available].filter(
      ({ id, kind }) => kinds.includes(kind) && !(id === "demo" && STORED.has(command)),
    );
    const items = rows.map((row) => ({ label: row.name, description: row.description, row }));
    const picked = await vscode.window.showQuickPick(items, { placeHolder: "Which model?" });
    return picked?.row;
  }

  /** Tells what goes wrong, and shows how things are afterwards. */
  async guarded(act: () => Promise<void>): Promise<void> {
    await this.#notifier.guarded(act, () => this.guarded(act));
    this.refresh();
  }

  async install(row: ModelRow): Promise<void> {
    // Before anybody reads a licence for nothing.
    const { refusal } = await this.#read();
    if (isErrorInfo(refusal)) {
      throw new HostError(refusal);
    }
    const license = (): Promise<string> => this.#program.license(row.id);
    if (!(await this.#agrees("Install", row, license))) {
      return;
    }
    const loading: Loading = { bytes: 0, totalBytes: 0, bytesPerSecond: 0 };
    await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Installing ${row.name}`,
        cancellable: true,
      },
      async (progress, token) => {
        let shown = 0;
        const { done, stop } = this.#program.install(row.id, (event) => {
          if (event.kind === "note") {
            progress.report({ message: event.text });
          } else if (event.kind === "checking") {
            const text = loadingText(event.loading);
            progress.report({ message: `checking what is there: ${text}` });
          } else if (event.kind === "progress") {
            const percent = (100 * event.loading.bytes) / Math.max(1, event.loading.totalBytes);
            progress.report({
              message: loadingText(event.loading),
              increment: Math.max(0, percent - shown),
            });
            shown = Math.max(shown, percent);
            this.#downloads.set(row.id, { loading: event.loading, stop });
            this.#changed.fire(undefined);
          }
        });
        this.#downloads.set(row.id, { loading, stop });
        this.refresh();
        token.onCancellationRequested(stop);
        try {
          await done;
        } finally {
          this.#downloads.delete(row.id);
        }
      },
    );
    // Before the question, which may stand there for long.
    this.refresh();
    const use = "Use It for Code";
    const picked = await vscode.window.showInformationMessage(
      `${row.name} is installed and verified.`,
      use,
    );
    if (picked === use) {
      await this.use(row, "code");
    }
  }

  async pause(row: ModelRow): Promise<void> {
    this.#downloads.get(row.id)?.stop();
    await Promise.resolve();
  }

  async discard(row: ModelRow): Promise<void> {
    await this.#program.discard(row.id);
  }

  async use(row: ModelRow, use: Use): Promise<void> {
    await this.#program.use(row.id, use);
    await giveUpOwn(SETTINGS[use]);
    this.#chosen();
  }

  async verify(row: ModelRow): Promise<void> {
    await this.#busy(`Checking ${row.name}`, () => this.#program.verify(row.id));
    void vscode.window.showInformationMessage(`${row.name} is what was installed.`);
  }

  async remove(row: ModelRow): Promise<void> {
    const remove = "Remove";
    const question = `Remove ${row.name}? ${row.description} of disk.`;
    const answer = await vscode.window.showWarningMessage(question, { modal: true }, remove);
    if (answer === remove) {
      await this.#program.remove(row.id);
    }
  }

  async import(): Promise<void> {
    const files = await vscode.window.showOpenDialog({
      filters: { "GGUF models": ["gguf"] },
      openLabel: "Import",
      title: "Import a Model",
    });
    const path = files?.[0]?.fsPath;
    if (path === undefined) {
      return;
    }
    const [copy, link] = ["Copy It", "Leave It Where It Is"];
    const how = await vscode.window.showInformationMessage(
      "Copy the file into the store?",
      {
        modal: true,
        detail:
          "A copy stays as it is. A file that is left where it is takes no room twice, and its model is gone when it is moved or changed.",
      },
      copy,
      link,
    );
    if (how !== undefined) {
      await this.#busy("Importing the model", () => this.#program.import(path, how === link));
    }
  }

  async importExported(): Promise<void> {
    const folder = await pickFolder("Import an Exported Model", "Import");
    if (folder === undefined) {
      return;
    }
    const exported = readExported(await this.#program.exported(folder));
    const license = (): Promise<string> => Promise.resolve(exported.license);
    if (await this.#agrees("Import", exported, license)) {
      await this.#busy(`Importing ${exported.name}`, () => this.#program.importExported(folder));
    }
  }

  async export(row: ModelRow): Promise<void> {
    const folder = await pickFolder(`Export ${row.name}`, "Export Here");
    if (folder === undefined) {
      return;
    }
    await this.#busy(`Exporting ${row.name}`, () => this.#program.export(row.id, folder));
    void vscode.window.showInformationMessage(
      `${row.name} is in ${folder}, with its licence and its digest.`,
    );
  }

  dispose(): void {
    for (const { stop } of this.#downloads.values()) {
      stop();
    }
    this.#changed.dispose();
  }

  #read(): Promise<ModelList> {
    const loading = new Map([...this.#downloads].map(([id, { loading }]) => [id, loading]));
    this.#list ??= this.#program.list().then((list) => readModels(list, loading));
    return this.#list;
  }

  /** Shows what the model is and its licence, and asks. */
  async #agrees(
    what: "Install" | "Import",
    { name, facts }: { readonly name: string; readonly facts: readonly string[] },
    license: () => Promise<string>,
  ): Promise<boolean> {
    const [agree, read] = [`Agree and ${what}`, "Read the Licence"];
    for (;;) {
      const answer = await vscode.window.showInformationMessage(
        `${what} ${name}?`,
        { modal: true, detail: facts.join("\n") },
        agree,
        read,
      );
      if (answer !== read) {
        return answer === agree;
      }
      const content = (await license()) || "Nothing is known of its licence.";
      const document = await vscode.workspace.openTextDocument({ content, language: "plaintext" });
      await vscode.window.showTextDocument(document);
      const decision = await vscode.window.showInformationMessage(
        `Do you agree to the licence of ${name}?`,
        agree,
        "No",
      );
      return decision === agree;
    }
  }

  async #busy(title: string, work: () => Promise<void>): Promise<void> {
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title },
      work,
    );
  }
}

async function pickFolder(title: string, openLabel: string): Promise<string | undefined> {
  const folders = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    title,
    openLabel,
  });
  return folders?.[0]?.fsPath;
}
