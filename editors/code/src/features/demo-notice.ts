/**
 * Says once that the bundled demo model is not a code assistant, and how to use a real model.
 * Neither the product nor its answers should be judged by the demo.
 */
import * as vscode from "vscode";

import type { HostStatus } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import * as l10n from "../lib/l10n";

const SHOWN_KEY = "localcoder.demoNoticeShown";

/** `offered`: whether the set-up is shown, which says the same about the demo model. */
export function registerDemoNotice(
  memory: vscode.Memento,
  host: HostConnection,
  offered: Promise<boolean>,
): vscode.Disposable {
  const show = async (status: HostStatus): Promise<void> => {
    if (status.model?.demo !== true || memory.get<boolean>(SHOWN_KEY) === true) {
      return;
    }
    await memory.update(SHOWN_KEY, true);
    if (await offered) {
      return;
    }
    const choice = await vscode.window.showInformationMessage(
      l10n.t(
        "LocalCoder is using its small demo model, which tidies short Python functions and can do little else. A real model can be installed, or imported from a GGUF file.",
      ),
      l10n.t("Choose a Model"),
    );
    if (choice !== undefined) {
      await vscode.commands.executeCommand("localcoder.models.show");
    }
  };
  return new vscode.Disposable(
    host.onStatus.on((status) => {
      void show(status);
    }),
  );
}
