/**
 * What the buttons of our walkthrough do: a function of the sample project is opened and selected, and the
 * command runs on it, whatever folder is open. Where the folder is the sample project, its own file is taken;
 * else one in the extension's own storage, so that nothing of the product is written to.
 */
import * as vscode from "vscode";

import { unixEnds } from "../lib/lines";
import { functionLines } from "../lib/tour";

import type { Notifier } from "./notify";
import { inFolders, showLines } from "./sample";

/** The sample project's file, and what is selected in it. */
const FILE = "inventory.py";

/** Each step's command, the function that it is shown on, and the command that runs there. */
const STEPS = [
  ["localcoder.tour.improve", "total_stock", "localcoder.improveSelection"],
  ["localcoder.tour.instruct", "stock_value", "localcoder.improveWithInstruction"],
  ["localcoder.tour.explain", "find_item", "localcoder.explainSelection"],
] as const;

/** Adds the commands. */
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
  // Beside the editor, which the extension is in.
  const shipped = vscode.Uri.joinPath(context.extensionUri, "..", "..", "..", "sample", FILE);
  const original = await vscode.workspace.fs.readFile(shipped);
  // By the line that it begins with: what was tried on it has changed others.
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
