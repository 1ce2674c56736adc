/**
 * The actions on models, with every question that belongs to them: consent to a license, what
 * becomes of a file, where an export goes. There is one instance for any number of views: each
 * shows {@link ModelActions.list} and {@link ModelActions.shown}, and calls the rest.
 */
import { basename } from "node:path";

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
import * as l10n from "../lib/l10n";
import { factLines, importedText, installText, shownModel } from "../lib/models";
import type { Loading, ShownModel } from "../lib/models";
import { buttonsFor } from "../lib/words";

import type { Notifier } from "./notify";
import { giveUpOwn } from "./settings";

/** An action on a model. The program says which of them apply to a model. */
export type Action = ModelAction | "pause";

/** The function that performs each action. */
export const ACTIONS: Record<Action, (actions: ModelActions, row: ModelRow) => Promise<void>> = {
  install: (actions, row) => actions.install(row),
  pause: (actions, row) => actions.pause(row),
  discard: (actions, row) => actions.discard(row),
  use: (actions, row) => actions.use(row, "code"),
  useForGeneral: (actions, row) => actions.use(row, "general"),
  verify: (actions, row) => actions.verify(row),
  remove: (actions, row) => actions.remove(row),
  export: (actions, row) => actions.export(row),
};

const SETTINGS: Record<ModelTask, string> = { code: "codeModel", general: "generalModel" };

interface Download {
  readonly loading: Loading;
  readonly stop: () => void;
}

/** What has changed: the models and their states, or how far a download is. */
export type Changed = "list" | "progress";

/** `chosen`: called when another model is in use. */
export class ModelActions implements vscode.Disposable {
  readonly #program: ModelsProgram;
  readonly #notifier: Notifier;
  readonly #chosen: () => void;
  readonly #changed = new vscode.EventEmitter<Changed>();
  readonly #downloads = new Map<string, Download>();
  readonly onDidChange = this.#changed.event;
  /** The latest request; the answer to an earlier one is not shown. */
  #list: Promise<ModelList> | undefined;

  constructor(program: ModelsProgram, notifier: Notifier, chosen: () => void) {
    this.#program = program;
    this.#notifier = notifier;
    this.#chosen = chosen;
  }

  /** All models, as of the last {@link refresh}. */
  list(): Promise<ModelList> {
    this.#list ??= this.#program.list();
    return this.#list;
  }

  /** How a model is to be shown now. */
  shown(row: ModelRow): ShownModel {
    return shownModel(row, this.loading(row.id));
  }

  /** How far this window's download of a model is; `undefined` if it downloads none. */
  loading(id: string): Loading | undefined {
    return this.#downloads.get(id)?.loading;
  }

  /** The license of a model, or of an exported one in a folder. */
  async license(idOrFolder: string): Promise<ModelLicense> {
    return await this.#program.license(idOrFolder);
  }

  /** Asks for the models again. */
  refresh(): void {
    this.#list = undefined;
    this.#changed.fire("list");
  }

  /** Performs an action on a model, and reports what goes wrong. */
  async run(action: Action, row: ModelRow): Promise<void> {
    await this.guarded(() => ACTIONS[action](this, row));
  }

  /** Runs `act`, reports what goes wrong, and then shows the new state. */
  async guarded(act: () => Promise<void>): Promise<void> {
    await this.#notifier.guarded(act, () => this.guarded(act));
    this.refresh();
  }

  /** The model with the id that an error names. */
  async named(id: string): Promise<ModelRow | undefined> {
    const { models } = await this.list();
    return models.find((row) => row.id === id);
  }

  /** Lets the user choose a model if none was named. */
  async choose(action: Action): Promise<ModelRow | undefined> {
    const { models } = await this.list();
    const items = models
      .map((row) => ({ row, ...this.shown(row) }))
      .filter(({ actions }) => actions.includes(action))
      .map(({ row, description }) => ({ label: row.name, description, row }));
    const picked = await vscode.window.showQuickPick(items, {
      placeHolder: l10n.t("Which model?"),
    });
    return picked?.row;
  }

  /** Installs a model whose license the user agrees to, then offers to use it. */
  async install(row: ModelRow): Promise<void> {
    if (!(await this.load(row))) {
      return;
    }
    const use = l10n.t("Use It for Code");
    const picked = await vscode.window.showInformationMessage(
      l10n.t("{0} is installed and verified.", row.name),
      use,
    );
    if (picked === use) {
      await this.use(row, "code");
    }
  }

  /** Installs a model without that offer; returns whether the user agreed and it is installed. */
  async load(row: ModelRow): Promise<boolean> {
    // Checked first, so that the user doesn't read a license only to be refused.
    const { refusal } = await this.list();
    if (refusal !== undefined) {
      throw new HostError(refusal);
    }
    if (!(await this.agrees("install", row, () => this.license(row.id)))) {
      return false;
    }
    await this.download(row);
    return true;
  }

  /** Downloads a model whose license was agreed to. `location`: where to show the progress. */
  async download(row: ModelRow, location = vscode.ProgressLocation.Notification): Promise<void> {
    await vscode.window.withProgress(
      {
        location,
        title: l10n.t("Installing {0}", row.name),
        cancellable: true,
      },
      (progress, token) => this.#follow(row, progress, token),
    );
    // Before any question, because one may stay open for long.
    this.refresh();
  }

  /** Stops a download; what is already downloaded stays. */
  async pause(row: ModelRow): Promise<void> {
    this.#downloads.get(row.id)?.stop();
    await Promise.resolve();
  }

  /** Discards what is downloaded. */
  async discard(row: ModelRow): Promise<void> {
    await this.#program.discard(row.id);
  }

  async use(row: ModelRow, task: ModelTask): Promise<void> {
    await this.#program.use(row.id, task);
    await giveUpOwn(SETTINGS[task]);
    this.#chosen();
  }

  async verify(row: ModelRow): Promise<void> {
    await this.#busy(l10n.t("Checking {0}", row.name), () => this.#program.verify(row.id));
    void vscode.window.showInformationMessage(l10n.t("{0} is what was installed.", row.name));
  }

  async remove(row: ModelRow): Promise<void> {
    const remove = l10n.t("Remove");
    const question = l10n.t("Remove {0}? {1} of disk.", row.name, row.description);
    const answer = await vscode.window.showWarningMessage(question, { modal: true }, remove);
    if (answer === remove) {
      await this.#program.remove(row.id);
    }
  }

  /** Imports a GGUF file: this one, or one that the user picks. */
  async import(path?: string): Promise<void> {
    const file = path ?? (await pickFile());
    if (file === undefined) {
      return;
    }
    const [copy, link] = [l10n.t("Copy It"), l10n.t("Leave It Where It Is")];
    const how = await vscode.window.showInformationMessage(
      path === undefined
        ? l10n.t("Copy the file into the store?")
        : l10n.t("Copy {0} into the store?", basename(path)),
      {
        modal: true,
        detail: l10n.t(
          "A copy stays as it is. A file that is left where it is takes no extra room, and its model is gone when it is moved or changed.",
        ),
      },
      copy,
      link,
    );
    if (how !== undefined) {
      const model = await this.#busy(l10n.t("Importing the model"), () =>
        this.#program.import(file, how === link),
      );
      tellImported(model);
    }
  }

  /** Imports an exported model: from this folder, or from one that the user picks. */
  async importExported(path?: string): Promise<void> {
    const folder = path ?? (await pickExported());
    if (folder === undefined) {
      return;
    }
    const exported = await this.license(folder);
    if (await this.agrees("import", exported, () => Promise.resolve(exported))) {
      const model = await this.#busy(l10n.t("Importing {0}", exported.name), () =>
        this.#program.importExported(folder),
      );
      tellImported(model);
    }
  }

  async export(row: ModelRow): Promise<void> {
    const folder = await pickFolder(l10n.t("Export {0}", row.name), l10n.t("Export Here"));
    if (folder === undefined) {
      return;
    }
    await this.#busy(l10n.t("Exporting {0}", row.name), () => this.#program.export(row.id, folder));
    const said = l10n.t("{0} is in {1}, with its license and its digest.", row.name, folder);
    void vscode.window.showInformationMessage(said, ...buttonsFor(said));
  }

  dispose(): void {
    for (const { stop } of this.#downloads.values()) {
      stop();
    }
    this.#changed.dispose();
  }

  async #follow(
    row: ModelRow,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const begun = { bytes: row.loadedBytes, totalBytes: 0, bytesPerSecond: 0 };
    let shown = 0;
    const { done, stop } = this.#program.install(row.id, (event) => {
      const { loading, message } = installText(event);
      if (loading === undefined) {
        progress.report({ message });
        const before = this.#downloads.get(row.id)?.loading ?? begun;
        this.#downloads.set(row.id, { loading: { ...before, note: message }, stop });
        this.#changed.fire("progress");
        return;
      }
      const percent = (100 * loading.bytes) / Math.max(1, loading.totalBytes);
      progress.report({ message, increment: Math.max(0, percent - shown) });
      shown = Math.max(shown, percent);
      this.#downloads.set(row.id, { loading, stop });
      this.#changed.fire("progress");
    });
    this.#downloads.set(row.id, { loading: begun, stop });
    this.refresh();
    token.onCancellationRequested(stop);
    try {
      await done;
    } finally {
      this.#downloads.delete(row.id);
    }
  }

  /** Shows what the model is and its license, and asks for consent. */
  async agrees(
    what: "install" | "import",
    { name, facts }: Pick<ModelRow, "name" | "facts">,
    license: () => Promise<ModelLicense>,
  ): Promise<boolean> {
    const read = l10n.t("Read the License");
    const [agree, question] =
      what === "install"
        ? [l10n.t("Agree and Install"), l10n.t("Install {0}?", name)]
        : [l10n.t("Agree and Import"), l10n.t("Import {0}?", name)];
    const answer = await vscode.window.showInformationMessage(
      question,
      { modal: true, detail: factLines(facts).join("\n") },
      agree,
      read,
    );
    if (answer !== read) {
      return answer === agree;
    }
    const content = (await license()).text || l10n.t("Nothing is known of its license.");
    const document = await vscode.workspace.openTextDocument({ content, language: "plaintext" });
    await vscode.window.showTextDocument(document);
    const decision = await vscode.window.showInformationMessage(
      l10n.t("Do you agree to the license of {0}?", name),
      agree,
      l10n.t({ message: "No", comment: "a button: the license is not agreed to" }),
    );
    return decision === agree;
  }

  async #busy<T>(title: string, work: () => Promise<T>): Promise<T> {
    const location = vscode.ProgressLocation.Notification;
    return await vscode.window.withProgress({ location, title }, work);
  }
}

/** Reports an imported model. If no catalog knows it, what it says of itself is called a claim. */
function tellImported(model: InstalledModel): void {
  const said = importedText(model);
  const show =
    model.verified && model.notForEdits === undefined
      ? vscode.window.showInformationMessage
      : vscode.window.showWarningMessage;
  void show(said);
}

/** Lets the user pick a GGUF file. */
export async function pickFile(): Promise<string | undefined> {
  const files = await vscode.window.showOpenDialog({
    filters: { [l10n.t("GGUF models")]: ["gguf"] },
    openLabel: l10n.t("Import"),
    title: l10n.t("Import a Model"),
  });
  return files?.[0]?.fsPath;
}

/** Lets the user pick the folder of an exported model. */
export async function pickExported(): Promise<string | undefined> {
  return await pickFolder(l10n.t("Import an Exported Model"), l10n.t("Import"));
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
