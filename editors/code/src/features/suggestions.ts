/**
 * What the host suggests, such as a faster profile for a model that is slow here: shown in the
 * host's words, with a button that does it. Whether and how often to suggest anything is the host's
 * business.
 */
import * as vscode from "vscode";

import type { SuggestionParams } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { ACTION_TITLES } from "../lib/errors";
import { plain } from "../lib/words";

import type { Notifier } from "./notify";

export function registerSuggestions(host: HostConnection, notifier: Notifier): vscode.Disposable {
  return new vscode.Disposable(
    host.onSuggestion.on((suggestion) => {
      void show(suggestion, notifier);
    }),
  );
}

async function show({ message, action }: SuggestionParams, notifier: Notifier): Promise<void> {
  // The better model is not installed, so the list shows it but the picker does not.
  const isList = action === "switchModel";
  const title = isList ? ACTION_TITLES.showModels : ACTION_TITLES[action];
  const picked = await vscode.window.showInformationMessage(plain(message), title);
  if (picked !== undefined && isList) {
    await vscode.commands.executeCommand("localcoder.models.show");
  } else if (picked !== undefined) {
    notifier.act(action);
  }
}
