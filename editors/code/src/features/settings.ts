/**
 * The user's own settings in the editor: shows the page where they are changed, or the file at its
 * line, and takes a value away that would count more than what was just chosen elsewhere. What they
 * mean is the host's business.
 */
import * as vscode from "vscode";

/** Finds our settings and no others, in the order of the table. */
const QUERY = "@ext:localcoder.localcoder";

/** How long the editor may take to show a file, in milliseconds. */
const SHOW_MS = 5_000;

/**
 * The product's settings file, where the editor's user settings are in that very file. The IDE's
 * launcher names it; another editor has settings of its own.
 */
export const settingsFile: string | undefined = process.env["LOCALCODER_SETTINGS"];

/** With the name of a setting, that one is shown. */
export function registerSettings(): vscode.Disposable {
  return vscode.commands.registerCommand("localcoder.openSettings", async (name?: unknown) => {
    const query = typeof name === "string" ? ["@id:localcoder", name].join(".") : QUERY;
    await vscode.commands.executeCommand("workbench.action.openSettings", { query });
  });
}

/** Takes the editor's own value of a setting away: it counts more than the product's file. */
export async function giveUpOwn(key: string): Promise<void> {
  if (settingsFile !== undefined) {
    // There is one value, and that is what was chosen.
    return;
  }
  const configuration = vscode.workspace.getConfiguration("localcoder");
  if (configuration.inspect(key)?.globalValue !== undefined) {
    await configuration.update(key, undefined, vscode.ConfigurationTarget.Global);
  }
}

/** Opens the user's settings as text, at a line where one is known. */
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

/** The editor of the settings, once it has the focus; nothing where it does not come. */
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
