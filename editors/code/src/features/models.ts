/**
 * The list of models in the side bar: what is installed, what can be, and what can be done with
 * each. A tree of the editor's own, so that keyboard and screen reader work as everywhere.
 */
import * as vscode from "vscode";

import type {
  InstalledModel,
  ModelAction,
  ModelLicense,
  ModelList,
  ModelRow,
  ModelTask,
} from "../generated/protocol";
import type { ModelsProgram } from "../host/models";
import { HostError } from "../lib/errors";
import { factLines, importedText, installText, isThere, shownModel } from "../lib/models";
import type { Loading, ShownModel } from "../lib/models";
import { buttonsFor, plain } from "../lib/words";

import type { Notifier } from "./notify";
import { giveUpOwn } from "./settings";

const VIEW = "localcoder.models";

/** A codicon for each state, and what a screen reader says of it. */
const STATES: Record<ShownModel["state"], readonly [icon: string, words: string]> = {
  inUse: ["check", "in use"],
  bundled: ["package", "bundled"],
  installed: ["package", "installed"],
  broken: ["warning", "damaged"],
  available: ["cloud-download", "can be installed"],
  partial: ["debug-pause", "paused"],
  loading: ["sync~spin", "loading"],
};

const SETTINGS: Record<ModelTask, string> = { code: "codeModel", general: "generalModel" };

type Action = ModelAction | "pause";

/** What each command does. For which models it makes sense the program says. */
const ACTIONS: Record<Action, (models: Models, row: ModelRow) => Promise<void>> = {
  install: (models, row) => models.install(row),
  pause: (models, row) => models.pause(row),
  discard: (models, row) => models.discard(row),
  use: (models, row) => models.use(row, "code"),
  useForGeneral: (models, row) => models.use(row, "general"),
  verify: (models, row) => models.verify(row),
  remove: (models, row) => models.remove(row),
  export: (models, row) => models.export(row),
};

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
  const commands = (Object.keys(ACTIONS) as Action[]).map((action) =>
    vscode.commands.registerCommand(`${VIEW}.${action}`, async (row?: ModelRow) => {
      const chosen = row ?? (await models.choose(action));
      if (chosen !== undefined) {
        await models.guarded(() => ACTIONS[action](models, chosen));
      }
    }),
  );
  return vscode.Disposable.from(
    view,
    models,
    view.onDidChangeVisibility(({ visible }) => {
      if (visible) {
        models.refresh();
      }
    }),
    ...commands,
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
        this.#tellDisk(list.diskText);
      }
      if (node === undefined) {
        return list.models.every(isThere) ? ["installed"] : ["installed", "available"];
      }
      return typeof node === "string"
        ? list.models.filter((row) => isThere(row) === (node === "installed"))
        : [];
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
    const { state, description, actions } = this.#shown(node);
    const [icon, words] = STATES[state];
    item.id = node.id;
    item.description = plain(description);
    item.tooltip = [node.name, ...factLines(node.facts)].map(plain).join("\n");
    item.iconPath = new vscode.ThemeIcon(icon);
    item.contextValue = actions.join(" ");
    item.accessibilityInformation = { label: `${plain(node.name)}, ${words}, ${description}` };
    return item;
  }

  /** Asks for the model, where a command was called from the palette. */
  async choose(action: Action): Promise<ModelRow | undefined> {
    const { models } = await this.#read();
    const items = models
      .map((row) => ({ row, ...this.#shown(row) }))
      .filter(({ actions }) => actions.includes(action))
      .map(({ row, description }) => ({ label: row.name, description, row }));
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
    if (refusal !== undefined) {
      throw new HostError(refusal);
    }
    if (!(await this.#agrees("Install", row, () => this.#program.license(row.id)))) {
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
          const { loading, message } = installText(event);
          if (loading === undefined) {
            progress.report({ message });
            return;
          }
          const percent = (100 * loading.bytes) / Math.max(1, loading.totalBytes);
          progress.report({ message, increment: Math.max(0, percent - shown) });
          shown = Math.max(shown, percent);
          this.#downloads.set(row.id, { loading, stop });
          this.#changed.fire(undefined);
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

  async use(row: ModelRow, task: ModelTask): Promise<void> {
    await this.#program.use(row.id, task);
    await giveUpOwn(SETTINGS[task]);
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
      const model = await this.#busy("Importing the model", () =>
        this.#program.import(path, how === link),
      );
      tellImported(model);
    }
  }

  async importExported(): Promise<void> {
    const folder = await pickFolder("Import an Exported Model", "Import");
    if (folder === undefined) {
      return;
    }
    const exported = await this.#program.license(folder);
    if (await this.#agrees("Import", exported, () => Promise.resolve(exported))) {
      const model = await this.#busy(`Importing ${exported.name}`, () =>
        this.#program.importExported(folder),
      );
      tellImported(model);
    }
  }

  async export(row: ModelRow): Promise<void> {
    const folder = await pickFolder(`Export ${row.name}`, "Export Here");
    if (folder === undefined) {
      return;
    }
    await this.#busy(`Exporting ${row.name}`, () => this.#program.export(row.id, folder));
    const said = `${row.name} is in ${folder}, with its licence and its digest.`;
    void vscode.window.showInformationMessage(said, ...buttonsFor(said));
  }

  dispose(): void {
    for (const { stop } of this.#downloads.values()) {
      stop();
    }
    this.#changed.dispose();
  }

  #read(): Promise<ModelList> {
    this.#list ??= this.#program.list();
    return this.#list;
  }

  #shown(row: ModelRow): ShownModel {
    return shownModel(row, this.#downloads.get(row.id)?.loading);
  }

  /** Shows what the model is and its licence, and asks. */
  async #agrees(
    what: "Install" | "Import",
    { name, facts }: Pick<ModelRow, "name" | "facts">,
    license: () => Promise<ModelLicense>,
  ): Promise<boolean> {
    const [agree, read] = [`Agree and ${what}`, "Read the Licence"];
    for (;;) {
      const answer = await vscode.window.showInformationMessage(
        `${what} ${name}?`,
        { modal: true, detail: factLines(facts).join("\n") },
        agree,
        read,
      );
      if (answer !== read) {
        return answer === agree;
      }
      const content = (await license()).text || "Nothing is known of its licence.";
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

  async #busy<T>(title: string, work: () => Promise<T>): Promise<T> {
    const location = vscode.ProgressLocation.Notification;
    return await vscode.window.withProgress({ location, title }, work);
  }
}

/** A model that no catalog knows is told as what it is: what it says of itself is a claim. */
function tellImported(model: InstalledModel): void {
  const said = importedText(model);
  const show = model.verified
    ? vscode.window.showInformationMessage
    : vscode.window.showWarningMessage;
  void show(said);
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
