/**
 * The list of frequent requests: the product's own instructions, those that the user has written
 * and pinned, and the latest ones.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";
import { forgotten, read, toggled, used } from "../lib/instructions";
import type { Instructions } from "../lib/instructions";
import * as l10n from "../lib/l10n";

import type { Edits } from "./edits";

/**
 * Where the instructions are stored: in the editor's own state, like other things that the user has
 * typed.
 */
const KEY = "localcoder.instructions";

interface Item extends vscode.QuickPickItem {
  /** The command to run, or else the instruction that the user has written. */
  readonly command?: string;
  readonly text?: string;
}

const STAY: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("star-empty"),
  tooltip: l10n.t("Keep in this list"),
};
const STAY_NOT: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("star-full"),
  tooltip: l10n.t("Keep no longer"),
};
const FORGET: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("close"),
  tooltip: l10n.t("Forget"),
};

export function registerQuickEdit(memory: vscode.Memento, edits: Edits): vscode.Disposable {
  const known = (): Instructions => read(memory.get(KEY));
  const remember = (instructions: Instructions): void => {
    void memory.update(KEY, instructions);
  };
  const stop = edits.onInstruction.on((text) => {
    remember(used(known(), text));
  });
  return vscode.Disposable.from(
    new vscode.Disposable(stop),
    vscode.commands.registerCommand("localcoder.quickEdit", async () => {
      const item = await choose(known, remember);
      const instructed = COMMANDS.find((it) => it.asksInstruction)?.command;
      if (item?.command !== undefined) {
        return await vscode.commands.executeCommand(item.command);
      }
      return item?.text !== undefined && instructed !== undefined
        ? await vscode.commands.executeCommand(instructed, item.text)
        : undefined;
    }),
  );
}

async function choose(
  known: () => Instructions,
  remember: (instructions: Instructions) => void,
): Promise<Item | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = l10n.t("Edit the selection");
  picker.placeholder = l10n.t("Choose what is to be done, or write it");
  const show = (): void => {
    const typed = picker.value.trim();
    picker.items = [...typedItem(typed), ...itemsOf(known())];
  };
  const chosen = new Promise<Item | undefined>((resolve) => {
    picker.onDidAccept(() => {
      resolve(picker.activeItems[0]);
    });
    picker.onDidHide(() => {
      resolve(undefined);
    });
  });
  picker.onDidChangeValue(show);
  picker.onDidTriggerItemButton(({ item, button }) => {
    if (item.text !== undefined) {
      const change = button === FORGET ? forgotten : toggled;
      remember(change(known(), item.text));
      show();
    }
  });
  show();
  picker.show();
  try {
    return await chosen;
  } finally {
    picker.dispose();
  }
}

/** An item for text that was typed and is not in any list. */
function typedItem(text: string): Item[] {
  return text === ""
    ? []
    : [{ label: text, text, iconPath: new vscode.ThemeIcon("edit"), alwaysShow: true }];
}

function itemsOf({ favorites, recent }: Instructions): Item[] {
  const line = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const own =
    (buttons: readonly vscode.QuickInputButton[]) =>
    (text: string): Item => ({
      label: text,
      text,
      buttons,
    });
  const entries = COMMANDS.filter(
    ({ answer, asksInstruction }) => answer === "edit" && !asksInstruction,
  );
  const lists: [string, Item[]][] = [
    [l10n.t("favorites"), favorites.map(own([STAY_NOT, FORGET]))],
    [
      l10n.t("often asked for"),
      entries.map(({ title, icon, command }) => ({
        label: title,
        iconPath: new vscode.ThemeIcon(icon),
        command,
      })),
    ],
    [l10n.t("used last"), recent.map(own([STAY, FORGET]))],
  ];
  return lists.flatMap(([label, items]) => (items.length === 0 ? [] : [line(label), ...items]));
}
