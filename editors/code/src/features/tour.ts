/**
 * The buttons of our walkthrough: each opens a function of the sample project, selects it, and runs
 * the command on it, whatever folder is open. If the folder is the sample project, its own file is
 * used; otherwise a copy in the extension's storage, so that nothing of the product is written to.
 */
import * as vscode from "vscode";

import { unixEnds } from "../lib/lines";
import { functionLines } from "../lib/tour";

import type { Notifier } from "./notify";
import { inFolders, showLines } from "./sample";

/** The file of the sample project that the tour uses. */
const FILE = "inventory.py";

/** For each step: its command, the function to show, and the command that runs there. */
const STEPS = [
  ["localcoder.tour.improve", "restock", "localcoder.improveSelection"],
  ["localcoder.tour.instruct", "stock_value", "localcoder.improveWithInstruction"],
  ["localcoder.tour.explain", "find_item", "localcoder.explainSelection"],
] as const;

/** Registers the commands. */
export function registerTour(
  context: vscode.ExtensionContext,
  notifier: Notifier,
): vscode.Disposable {
  const registered = STEPS.map(([step, name, command]) =>
    vscode.commands.registerCommand(step, () =>
      notifier.guarded(async () => {
        const document = await sample(context);
        await showLines(document, functionLines(document.getText(), name));
        await vscode.commands.executeCommand(command);
      }),
    ),
  );
  return vscode.Disposable.from(...registered);
}

async function sample(context: vscode.ExtensionContext): Promise<vscode.TextDocument> {
  // Ships next to the editor, which the extension is part of.
  const shipped = vscode.Uri.joinPath(context.extensionUri, "..", "..", "..", "sample", FILE);
  const original = await vscode.workspace.fs.readFile(shipped);
  // Recognized by its first line, because trying a step changes other lines.
  const first = firstLine(Buffer.from(original).toString("utf8"));
  const own = await inFolders(FILE, (text) => firstLine(text) === first);
  if (own !== undefined) {
    return own;
  }
  const copy = vscode.Uri.joinPath(context.globalStorageUri, "sample", FILE);
  if (!(await isThere(copy))) {
    await vscode.workspace.fs.writeFile(copy, original);
  }
  return await vscode.workspace.openTextDocument(copy);
}

function firstLine(text: string): string {
  return unixEnds(text).split("\n", 1)[0] ?? "";
}

async function isThere(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
