/**
 * The commands on selected code, from the table of the host's protocol. Each is registered here;
 * the kind of its answer decides which feature shows it.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";

import type { Edits } from "./edits";
import type { Texts } from "./texts";

export function registerAssist(edits: Edits, texts: Texts): vscode.Disposable {
  const registered = COMMANDS.map((entry) =>
    vscode.commands.registerCommand(entry.command, (given?: unknown) =>
      entry.answer === "edit" ? edits.run(entry, given) : texts.run(entry),
    ),
  );
  const onWaiting = [
    vscode.commands.registerCommand("localcoder.followUp", (given?: unknown) =>
      edits.followUp(given),
    ),
    vscode.commands.registerCommand("localcoder.regenerate", () => edits.again({ heavy: false })),
    vscode.commands.registerCommand("localcoder.tryHeavy", () => edits.again({ heavy: true })),
  ];
  return vscode.Disposable.from(texts, ...registered, ...onWaiting);
}
