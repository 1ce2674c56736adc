/**
 * A list to choose from that is filled while it is shown, because its entries take a while to find
 * out. Escape closes it at any time. Knows nothing of what is listed.
 */
import * as vscode from "vscode";

import { LOOKING } from "../lib/switch";
import type { Choice, Entry } from "../lib/switch";

/** The texts around the list. */
export interface PickerWords {
  readonly title: string;
  readonly placeholder: string;
}

interface Item extends vscode.QuickPickItem {
  readonly entry: Entry;
}

/**
 * Returns the user's choice; `undefined` if the list was closed without one. `load` passes on all
 * entries each time more are known; the list shows that it is busy until `load` returns, and closes
 * if `load` fails.
 */
export async function pick(
  { title, placeholder }: PickerWords,
  load: (show: (entries: readonly Entry[]) => void) => Promise<void>,
): Promise<Choice | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = title;
  picker.placeholder = placeholder;
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.busy = true;
  const show = (entries: readonly Entry[]): void => {
    fill(picker, entries);
  };
  show([LOOKING]);
  try {
    return await new Promise<Choice | undefined>((resolve, reject) => {
      picker.onDidHide(() => {
        resolve(undefined);
      });
      picker.onDidAccept(() => {
        const choice = picker.selectedItems[0]?.entry.choice;
        if (choice !== undefined) {
          resolve(choice);
        }
      });
      picker.show();
      load(show).then(() => {
        picker.busy = false;
      }, reject);
    });
  } finally {
    picker.dispose();
  }
}

/** Replaces the entries; the active one stays active, or else the one in use becomes so. */
function fill(picker: vscode.QuickPick<Item>, entries: readonly Entry[]): void {
  const before = picker.activeItems[0]?.entry.key;
  const items = entries.map(itemOf);
  picker.items = items;
  const active =
    items.find(({ entry }) => entry.key === before) ?? items.find(({ entry }) => entry.isInUse);
  if (active !== undefined) {
    picker.activeItems = [active];
  }
}

function itemOf(entry: Entry): Item {
  const { label, description, detail, icon, choice } = entry;
  return {
    label,
    description,
    ...(detail === "" ? {} : { detail }),
    iconPath: new vscode.ThemeIcon(icon),
    // Entries that are neither model nor profile stay visible whatever was typed.
    alwaysShow: choice?.kind === "askAgain" || choice?.kind === "showModels",
    entry,
  };
}
