/**
 * The status bar item, which always shows what engine and connection are doing, and its menu. What
 * it says is decided in `lib/status.ts`.
 */
import * as vscode from "vscode";

import { COMMANDS } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import { ACTION_TITLES, renderError } from "../lib/errors";
import * as l10n from "../lib/l10n";
import type { Running } from "../lib/running";
import { statusView } from "../lib/status";
import type { StatusView } from "../lib/status";

import type { Notifier } from "./notify";

/** What the status bar needs besides the host. */
export interface StatusActions {
  /** Starts the engine again, as a retry and on demand. */
  restart(): Promise<void>;
  /** Tries again after a failure. */
  retry(): void;
  /** Does what the other buttons of a failure say. */
  readonly notifier: Notifier;
}

/** `busyChanged` fires when this window starts or stops waiting for an answer. */
export function registerStatus(
  host: HostConnection,
  running: Running,
  busyChanged: vscode.Event<boolean>,
  log: vscode.LogOutputChannel,
  actions: StatusActions,
): vscode.Disposable {
  const item = vscode.window.createStatusBarItem(
    "localcoder.status",
    vscode.StatusBarAlignment.Right,
    1_000,
  );
  item.name = "LocalCoder";
  let view: StatusView;
  const update = (): void => {
    view = statusView(host.state, host.status, running.busy);
    draw(item, view);
  };
  const removals = [host.onState.on(update), host.onStatus.on(update)];
  update();
  item.show();
  return vscode.Disposable.from(
    item,
    busyChanged(update),
    ...removals.map((remove) => new vscode.Disposable(remove)),
    vscode.commands.registerCommand("localcoder.showMenu", () => showMenu(running.busy)),
    vscode.commands.registerCommand("localcoder.showFailure", () => showFailure(view, actions)),
    vscode.commands.registerCommand("localcoder.showLog", () => {
      log.show();
    }),
    vscode.commands.registerCommand("localcoder.cancel", () => {
      running.cancelAll();
    }),
    vscode.commands.registerCommand("localcoder.restartEngine", () => actions.restart()),
  );
}

function draw(item: vscode.StatusBarItem, view: StatusView): void {
  item.text = `$(${view.icon}) LocalCoder: ${view.label}`;
  item.accessibilityInformation = { label: `LocalCoder: ${view.label}`, role: "button" };
  item.command = view.failure === undefined ? "localcoder.showMenu" : "localcoder.showFailure";
  item.backgroundColor =
    view.failure === undefined ? undefined : new vscode.ThemeColor("statusBarItem.errorBackground");
  // Names come from model files: they are appended as text, and nothing in here is trusted.
  const tooltip = new vscode.MarkdownString();
  for (const line of view.details) {
    tooltip.appendText(line);
    tooltip.appendMarkdown("\n\n");
  }
  item.tooltip = tooltip;
}

async function showMenu(busy: boolean): Promise<void> {
  const entries = [
    ...COMMANDS.filter((entry) => entry.inStatusMenu).map(({ icon, title, command }) => ({
      label: `$(${icon}) ${title}`,
      command,
    })),
    ...(busy
      ? [
          {
            label: `$(debug-stop) ${l10n.t("Cancel Running Requests")}`,
            command: "localcoder.cancel",
          },
        ]
      : []),
    { label: `$(arrow-swap) ${l10n.t("Switch Model…")}`, command: "localcoder.switchModel" },
    { label: `$(dashboard) ${l10n.t("Switch Profile…")}`, command: "localcoder.switchProfile" },
    { label: `$(package) ${l10n.t("Show Models")}`, command: "localcoder.models.show" },
    { label: `$(gear) ${l10n.t("Open Settings")}`, command: "localcoder.openSettings" },
    { label: `$(shield) ${l10n.t("Show Privacy")}`, command: "localcoder.showPrivacy" },
    { label: `$(book) ${l10n.t("Show Help")}`, command: "localcoder.showHelp" },
    { label: `$(output) ${l10n.t("Show Log")}`, command: "localcoder.showLog" },
    { label: `$(report) ${l10n.t("Create Report")}`, command: "localcoder.createReport" },
    { label: `$(debug-restart) ${l10n.t("Restart Engine")}`, command: "localcoder.restartEngine" },
  ];
  const options = { title: "LocalCoder", placeHolder: l10n.t("What do you want to do?") };
  const chosen = await vscode.window.showQuickPick(entries, options);
  if (chosen !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

async function showFailure(view: StatusView, actions: StatusActions): Promise<void> {
  const failure = view.failure;
  if (failure === undefined) {
    await vscode.commands.executeCommand("localcoder.showMenu");
    return;
  }
  const { text, buttons } = renderError(failure);
  const titles = buttons.map(({ title }) => title);
  const chosen = await vscode.window.showErrorMessage(text, ACTION_TITLES.retry, ...titles);
  if (chosen === ACTION_TITLES.retry) {
    actions.retry();
    return;
  }
  const button = buttons.find(({ title }) => title === chosen);
  if (button !== undefined) {
    actions.notifier.act(button.action, { error: failure });
  }
}
