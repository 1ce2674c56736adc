/**
 * What the buttons of our walkthrough do: a function of the sample project is opened and selected, and the
 * command runs on it, whatever folder is open. Where the folder is the sample project, its own file is taken;
 * else one in the extension's own storage, so that nothing of the product is written to.
 */
import * as vscode from "vscode";

import { functionLines } from "../lib/tour";

import type { Notifier } from "./notify";

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
        const document = await vscode.workspace.openTextDocument(await sample(context));
        const editor = await vscode.window.showTextDocument(document, { preview: false });
        const lines = functionLines(document.getText(), name);
        const end = document.lineAt(lines.end).range.end;
        editor.selection = new vscode.Selection(new vscode.Position(lines.start, 0), end);
        editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
        await vscode.commands.executeCommand(command);
      }),
    ),
  );
  return vscode.Disposable.from(...registered);
}

async function sample(context: vscode.ExtensionContext): Promise<vscode.Uri> {
  // Beside the editor, which the extension lies in.
  const shipped = vscode.Uri.joinPath(context.extensionUri, "..", "..", "..", "sample", FILE);
  const original = await vscode.workspace.fs.readFile(shipped);
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    const own = vscode.Uri.joinPath(uri, FILE);
    if (isSample(await read(own), original)) {
      return own;
    }
  }
  const copy = vscode.Uri.joinPath(context.globalStorageUri, "sample", FILE);
  if ((await read(copy)) === undefined) {
    await vscode.workspace.fs.writeFile(copy, original);
  }
  return copy;
}

/** By the line that it begins with: what was tried on it has changed others. */
function isSample(text: Uint8Array | undefined, original: Uint8Array): boolean {
  const first = (bytes: Uint8Array): string =>
    Buffer.from(bytes).toString("utf8").split("\n", 1)[0] ?? "";
  return text !== undefined && first(text) === first(original);
}

async function read(uri: vscode.Uri): Promise<Uint8Array | undefined> {
  try {
    return await vscode.workspace.fs.readFile(uri);
  } catch {
    return undefined;
  }
}
