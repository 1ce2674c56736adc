/**
 * The commands on selected code, as the table of the host's protocol has them: each is registered
 * here, and who shows its answer is chosen by what the answer is.
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
