/**
 * What is done with every new connection: the host gets the user's settings, or reads them itself,
 * and the model is prepared. The same happens when settings change, and the model is made ready to
 * answer quickly again when the user comes back to the window. Also logs the connection's changes.
 */
import { basename, dirname } from "node:path";

import * as vscode from "vscode";

import type { ErrorInfo } from "../generated/protocol";
import type { HostConnection, HostState } from "../host/connection";
import { HostError, logLine, toErrorInfo } from "../lib/errors";
import { Pace } from "../lib/pace";
import { declaredSettings, userSettings } from "../lib/settings";

import type { Notifier } from "./notify";
import { settingsFile } from "./settings";

/** The section that all our settings are in. */
const SECTION = "localcoder";

/**
 * The shortest time between two requests to warm the model, in milliseconds: it stays warm for some
 * minutes, so users who switch between windows don't need it each time.
 */
const WARM_EVERY_MS = 30_000;

/** `ahead`: the user has not asked for the model, so the host may skip it. */
interface Readiness {
  readonly ahead: boolean;
}

export class Session implements vscode.Disposable {
  readonly #keys: readonly string[];
  readonly #host: HostConnection;
  readonly #notifier: Notifier;
  readonly #log: vscode.LogOutputChannel;
  readonly #subscriptions: vscode.Disposable[];
  readonly #onFocus = new Pace(WARM_EVERY_MS);
  /** Complaints about settings that were shown; each is reported once until it is fixed. */
  #reported: ReadonlySet<string> = new Set();

  constructor(
    manifest: unknown,
    host: HostConnection,
    notifier: Notifier,
    log: vscode.LogOutputChannel,
  ) {
    this.#keys = declaredSettings(manifest);
    this.#host = host;
    this.#notifier = notifier;
    this.#log = log;
    const unlisten = host.onState.on((state) => {
      log.info(logState(state));
      if (state.kind === "connected") {
        void this.#prepare({ ahead: true });
      }
    });
    this.#subscriptions = [
      new vscode.Disposable(unlisten),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(SECTION) && host.state.kind === "connected") {
          void this.#prepare({ ahead: true });
        }
      }),
      ...this.#watchFile(),
      vscode.window.onDidChangeWindowState(({ focused }) => {
        if (focused && host.state.kind === "connected" && this.#onFocus.take()) {
          void this.#warm({ ahead: true });
        }
      }),
    ];
  }

  /** The user wants the model: prepares it, and connects if there is no connection. */
  retry(): void {
    if (this.#host.state.kind === "connected") {
      void this.#prepare({ ahead: false });
    } else {
      this.#host.reconnect();
    }
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  async #prepare(how: Readiness): Promise<void> {
    try {
      this.#report(await this.#configure());
    } catch (error) {
      this.#log.warn(`Sending the settings failed: ${logLine(toErrorInfo(error))}`);
      return;
    }
    await this.#warm(how);
  }

  /** Sends the settings to the host; returns complaints about those that can't be used. */
  async #configure(): Promise<readonly ErrorInfo[]> {
    if (settingsFile === undefined) {
      const configuration = vscode.workspace.getConfiguration();
      const settings = userSettings(this.#keys, (key) => configuration.inspect(key));
      return (await this.#host.request("configure", { settings })).errors;
    }
    // Clear settings that an earlier editor with settings of its own has sent: they no longer
    // apply.
    await this.#host.request("configure", { settings: {} });
    return (await this.#host.request("configureFile", {})).errors;
  }

  /** Watches the file itself: other programs change it too, and not always one value at a time. */
  #watchFile(): readonly vscode.Disposable[] {
    if (settingsFile === undefined) {
      return [];
    }
    const changed = (): void => {
      if (this.#host.state.kind === "connected") {
        void this.#prepare({ ahead: true });
      }
    };
    const folder = vscode.Uri.file(dirname(settingsFile));
    const watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(folder, basename(settingsFile)),
    );
    return [
      watcher,
      watcher.onDidChange(changed),
      watcher.onDidCreate(changed),
      watcher.onDidDelete(changed),
    ];
  }

  async #warm({ ahead }: Readiness): Promise<void> {
    try {
      const { loaded } = await this.#host.request("warm", { ahead });
      this.#log.info(
        loaded
          ? "The model is ready."
          : "The model is not loaded ahead now; the first request loads it.",
      );
    } catch (error) {
      // The status bar shows a failed engine; a popup for work that was not asked for would be too
      // much.
      this.#log.warn(`Getting the model ready failed: ${logLine(toErrorInfo(error))}`);
    }
  }

  #report(errors: readonly ErrorInfo[]): void {
    const reported = this.#reported;
    this.#reported = new Set(errors.map(logLine));
    for (const error of errors.filter((it) => !reported.has(logLine(it)))) {
      this.#notifier.error(new HostError(error));
    }
  }
}

function logState(state: HostState): string {
  switch (state.kind) {
    case "connecting":
      return state.again ? "The engine host ended; connecting again." : "Connecting.";
    case "connected":
      return `Connected to the engine host ${state.host.pid}, build ${state.host.buildId}.`;
    case "unreachable":
      return `No connection: ${logLine(state.error)}`;
    case "stopped":
      return "Disconnected.";
  }
}
