/**
 * The user's own settings in the editor: shows the page where they are changed, and takes a value
 * away that would count more than what was just chosen elsewhere. What they mean is the host's
 * business.
 */
import * as vscode from "vscode";

/** Finds our settings and no others, in the order of the table. */
const QUERY = "@ext:localcoder.localcoder";

/** See the module. */
export function registerSettings(): vscode.Disposable {
  return vscode.commands.registerCommand("localcoder.openSettings", async () => {
    // Ours are set for the machine that the engine runs on. Where the window has a server, those
    // have a page of their own, and the user's page lists none of them.
    const page =
      vscode.env.remoteName === undefined
        ? "workbench.action.openSettings"
        : "workbench.action.openRemoteSettings";
    await vscode.commands.executeCommand(page, { query: QUERY });
  });
}

/** Takes the editor's own value of a setting away: it counts more than the product's file. */
export async function giveUpOwn(key: string): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("localcoder");
  if (configuration.inspect(key)?.globalValue !== undefined) {
    await configuration.update(key, undefined, vscode.ConfigurationTarget.Global);
  }
}
