/**
 * The short list of models in the side bar: which are installed, which can be, and the actions on
 * each. It is a tree view of the editor's own, so keyboard and screen reader work as everywhere. A
 * click opens the page with all details of a model.
 */
import * as vscode from "vscode";

import type { ModelRow } from "../generated/protocol";
import * as l10n from "../lib/l10n";
import { factLines, isThere, shortText } from "../lib/models";
import type { ShownModel } from "../lib/models";
import { plain } from "../lib/words";

import { ACTIONS } from "./model-actions";
import type { Action, ModelActions } from "./model-actions";
import { dropped } from "./model-drop";
import type { Notifier } from "./notify";

const VIEW = "localcoder.models";

/** The media type of a dragged list of files. */
const URIS = "text/uri-list";

/** A codicon for each state, and what a screen reader says of it. */
const STATES: Record<ShownModel["state"], readonly [icon: string, words: string]> = {
  inUse: ["check", l10n.t("in use")],
  bundled: ["package", l10n.t("bundled")],
  installed: ["package", l10n.t("installed")],
  broken: ["warning", l10n.t("damaged")],
  available: ["cloud-download", l10n.t("can be installed")],
  partial: ["debug-pause", l10n.t("paused")],
  loading: ["sync~spin", l10n.t("downloading")],
};

type Node = "installed" | "available" | ModelRow;

/** Registers the view and its commands. */
export function registerModels(actions: ModelActions, notifier: Notifier): vscode.Disposable {
  const tree = new ModelTree(actions, notifier);
  const view = vscode.window.createTreeView(VIEW, {
    treeDataProvider: tree,
    dragAndDropController: {
      dropMimeTypes: [URIS, "files"],
      dragMimeTypes: [],
      handleDrop: async (_target, data) => {
        const uris = await data.get(URIS)?.asString();
        await dropped(actions, uris ?? "");
      },
    },
  });
  tree.onDisk((text) => {
    view.message = text;
  });
  const commands = (Object.keys(ACTIONS) as Action[]).map((action) =>
    vscode.commands.registerCommand(`${VIEW}.${action}`, async (named?: ModelRow | string) => {
      await actions.guarded(async () => {
        const row = typeof named === "string" ? await actions.named(named) : named;
        const chosen = row ?? (await actions.choose(action));
        if (chosen !== undefined) {
          // This has its own guard: a retry is about this model, and does not ask which one again.
          await actions.run(action, chosen);
        }
      });
    }),
  );
  return vscode.Disposable.from(
    view,
    tree,
    view.onDidChangeVisibility(({ visible }) => {
      if (visible) {
        actions.refresh();
      }
    }),
    ...commands,
    vscode.commands.registerCommand("localcoder.models.importExported", () =>
      actions.guarded(() => actions.importExported()),
    ),
    vscode.commands.registerCommand("localcoder.models.import", () =>
      actions.guarded(() => actions.import()),
    ),
    vscode.commands.registerCommand("localcoder.models.refresh", () => {
      actions.refresh();
    }),
    vscode.commands.registerCommand("localcoder.models.show", () =>
      vscode.commands.executeCommand(`${VIEW}.focus`),
    ),
  );
}

class ModelTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #actions: ModelActions;
  readonly #notifier: Notifier;
  readonly #changed = new vscode.EventEmitter<Node | undefined>();
  readonly #following: vscode.Disposable;
  readonly onDidChangeTreeData = this.#changed.event;
  #diskListener: (text: string) => void = () => undefined;

  constructor(actions: ModelActions, notifier: Notifier) {
    this.#actions = actions;
    this.#notifier = notifier;
    this.#following = actions.onDidChange(() => {
      this.#changed.fire(undefined);
    });
  }

  onDisk(listener: (text: string) => void): void {
    this.#diskListener = listener;
  }

  async getChildren(node?: Node): Promise<Node[]> {
    try {
      const { models, diskText } = await this.#actions.list();
      this.#diskListener(diskText);
      if (node === undefined) {
        return models.every(isThere) ? ["installed"] : ["installed", "available"];
      }
      return typeof node === "string"
        ? models.filter((row) => isThere(row) === (node === "installed"))
        : [];
    } catch (error) {
      this.#notifier.error(error, () => {
        this.#actions.refresh();
      });
      return [];
    }
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (typeof node === "string") {
      const title = node === "installed" ? l10n.t("Installed") : l10n.t("Can be installed");
      return new vscode.TreeItem(title, vscode.TreeItemCollapsibleState.Expanded);
    }
    const item = new vscode.TreeItem(plain(node.name));
    const { state, description, actions } = this.#actions.shown(node);
    const [icon, words] = STATES[state];
    item.id = node.id;
    item.description = shortText(node, this.#actions.loading(node.id));
    item.tooltip = [node.name, ...factLines(node.facts)].map(plain).join("\n");
    item.iconPath = new vscode.ThemeIcon(icon);
    item.contextValue = actions.join(" ");
    item.accessibilityInformation = { label: `${plain(node.name)}, ${words}, ${description}` };
    item.command = {
      command: "localcoder.models.manage",
      title: l10n.t("Show All of This Model"),
      arguments: [node],
    };
    return item;
  }

  dispose(): void {
    this.#following.dispose();
    this.#changed.dispose();
  }
}
