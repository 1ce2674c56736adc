/**
 * The user's own settings in the editor: shows the page to change them on, or the file at the right
 * line, and removes a value that would override what was just chosen elsewhere. What settings mean
 * is the host's business.
 */
import * as vscode from "vscode";

/** Finds only our settings, in the order of the table. */
const QUERY = "@ext:localcoder.localcoder";

/** How long the editor may take to show a file, in milliseconds. */
const SHOW_MS = 5_000;

/**
 * The product's settings file, if the editor's user settings are in that same file. The IDE's
 * launcher sets this; any other editor has settings of its own.
 */
export const settingsFile: string | undefined = process.env["LOCALCODER_SETTINGS"];

/** Registers the command; given the name of a setting, it shows that one. */
export function registerSettings(): vscode.Disposable {
  return vscode.commands.registerCommand("localcoder.openSettings", async (name?: unknown) => {
    const query = typeof name === "string" ? ["@id:localcoder", name].join(".") : QUERY;
    await vscode.commands.executeCommand("workbench.action.openSettings", { query });
  });
}

/** Removes the editor's own value of a setting: it would override the product's file. */
export async function giveUpOwn(key: string): Promise<void> {
  if (settingsFile !== undefined) {
    // Both are the same file, so the only value is the one that was just chosen.
    return;
  }
  const configuration = vscode.workspace.getConfiguration("localcoder");
  if (configuration.inspect(key)?.globalValue !== undefined) {
    await configuration.update(key, undefined, vscode.ConfigurationTarget.Global);
  }
}

/** Opens the user's settings as text, at a line if known. */
export async function openSettingsFile(line: number | undefined): Promise<void> {
  const shown = isSettings(vscode.window.activeTextEditor) ? undefined : nextSettings();
  await vscode.commands.executeCommand("workbench.action.openSettingsJson");
  const editor = (await shown) ?? vscode.window.activeTextEditor;
  if (line !== undefined && editor !== undefined && isSettings(editor)) {
    const range = editor.document.lineAt(Math.min(line, editor.document.lineCount) - 1).range;
    editor.selection = new vscode.Selection(range.start, range.end);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }
}

function isSettings(editor: vscode.TextEditor | undefined): boolean {
  return editor !== undefined && editor.document.uri.path.endsWith("/User/settings.json");
}

/** The text editor of the settings once it has focus; `undefined` if it does not open in time. */
async function nextSettings(): Promise<vscode.TextEditor | undefined> {
  return await new Promise((resolve) => {
    const timer = setTimeout(() => {
      done(undefined);
    }, SHOW_MS);
    const listener = vscode.window.onDidChangeActiveTextEditor((editor) => {
      if (isSettings(editor)) {
        done(editor);
      }
    });
    function done(editor: vscode.TextEditor | undefined): void {
      clearTimeout(timer);
      listener.dispose();
      resolve(editor);
    }
  });
}
