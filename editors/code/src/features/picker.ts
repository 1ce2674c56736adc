/**
 * A list to choose from that is filled in while it is shown, because what is in it takes a
 * while to find out. Escape leaves it at any time. Knows nothing of what is listed.
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
 * What the user chose; nothing where the list was left. `load` shows entries as they come to be
 * known, each time all of them; the list says that it is busy until `load` has ended, and is closed
 * where `load` fails.
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

/** Replaces the entries; the cursor stays where the user has put it. */
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
    // What is not a model and no profile must be there whatever was typed.
    alwaysShow: choice?.kind === "askAgain" || choice?.kind === "showModels",
    entry,
  };
}
