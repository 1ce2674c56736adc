/**
 * The extension's entry: makes the parts and hands each what it needs. Nothing is decided here.
 */
import "./translated";

import * as vscode from "vscode";

import { registerAirGap } from "./features/air-gap";
import { registerAssist } from "./features/assist";
import { registerDemoNotice } from "./features/demo-notice";
import { EditRequests } from "./features/edit-requests";
import { Edits } from "./features/edits";
import { registerFix } from "./features/fix";
import { registerGhostText } from "./features/ghost-text";
import { registerHelp } from "./features/help";
import { InlineChat } from "./features/inline-chat";
import { registerLedger } from "./features/ledger";
import { registerManager } from "./features/manager";
import { ModelActions } from "./features/model-actions";
import { registerModels } from "./features/models";
import { Notifier } from "./features/notify";
import { registerPrepare } from "./features/prepare";
import { Previews } from "./features/previews";
import { registerPrivacy } from "./features/privacy";
import { registerQuickEdit } from "./features/quick-edit";
import { registerReport } from "./features/report";
import { registerReset } from "./features/reset";
import { Session } from "./features/session";
import { registerSettings } from "./features/settings";
import { Setup } from "./features/setup";
import { Standing } from "./features/standing";
import { registerStatistics } from "./features/statistics";
import { registerStatus } from "./features/status";
import { registerSuggestions } from "./features/suggestions";
import { registerSwitch } from "./features/switch";
import { Texts } from "./features/texts";
import { registerTour } from "./features/tour";
import { HostConnection } from "./host/connection";
import { openLink } from "./host/link";
import { ModelsProgram } from "./host/models";
import { startHost, stopHost } from "./host/process";
import { ProfilesProgram } from "./host/profiles";
import { SetupProgram } from "./host/setup";
import { TestsProgram } from "./host/tests";
import { logLine, toErrorInfo } from "./lib/errors";
import { withoutRemotePictures } from "./lib/pictures";
import { Running } from "./lib/running";

/** What this extension exports to other extensions: a plugin for the Markdown preview. */
interface Exports {
  extendMarkdownIt: typeof withoutRemotePictures;
}

/** Called by the editor once it has started, or earlier by the first Markdown preview. */
export function activate(context: vscode.ExtensionContext): Exports {
  const program = process.env["LOCALCODER_BIN"];
  const log = vscode.window.createOutputChannel("LocalCoder", { log: true });
  const host = new HostConnection(async (onNotification) => {
    const { socket } = await startHost(program);
    return await openLink(socket, onNotification);
  });
  const busyChanged = new vscode.EventEmitter<boolean>();
  const running = new Running((busy) => {
    void vscode.commands.executeCommand("setContext", "localcoder.busy", busy);
    busyChanged.fire(busy);
  });
  const notifier = new Notifier(log);
  const previews = new Previews(host, notifier);
  const standing = new Standing();
  const session = new Session(context.extension.packageJSON, host, notifier, log);
  const models = new ModelsProgram(program);
  const wanted = (): void => {
    session.retry();
  };
  const actions = new ModelActions(models, notifier, wanted);
  const setup = new Setup({
    extension: context.extensionUri,
    program: new SetupProgram(program),
    models,
    actions,
    host,
    notifier,
    chosen: wanted,
  });
  const restart = (): Promise<void> => restartEngine(program, host, log);
  const requests = new EditRequests(host, new TestsProgram(program), running);
  const edits = new Edits(host, requests, previews, notifier, standing);
  const inlineChat = new InlineChat(host, requests, notifier);
  context.subscriptions.push(
    log,
    busyChanged,
    previews,
    standing,
    session,
    registerAssist(edits, new Texts(context.extensionUri, host, running, notifier, log)),
    registerQuickEdit(context.globalState, edits),
    inlineChat.register(),
    registerFix(host, edits, notifier),
    registerLedger(host, [previews, inlineChat], [edits, inlineChat]),
    vscode.Disposable.from(registerPrepare(host), registerGhostText(host, notifier)),
    registerStatus(host, running, busyChanged.event, log, { restart, retry: wanted, notifier }),
    actions,
    registerModels(actions, notifier),
    registerManager(context.extensionUri, actions, notifier),
    registerSwitch(host, models, new ProfilesProgram(program), notifier, wanted),
    registerSettings(),
    registerAirGap(process.env["LOCALCODER_AIR_GAPPED"]),
    registerPrivacy(context.extensionUri, program, notifier),
    registerStatistics(context.extensionUri, program, notifier),
    registerReport(program, notifier),
    registerReset(program, notifier),
    registerHelp(context.extensionUri),
    registerTour(context, notifier),
    registerSuggestions(host, notifier),
    setup,
    registerDemoNotice(context.globalState, host, setup.offered),
    host,
  );
  void host.keepConnected();
  if (process.env["LOCALCODER_SMOKE_REPORT"] !== undefined) {
    void import("./smoke").then(({ runSmoke }) => runSmoke(host));
  }
  return { extendMarkdownIt: withoutRemotePictures };
}

/** Stops the host; the next request starts another one. */
async function restartEngine(
  program: string | undefined,
  host: HostConnection,
  log: vscode.LogOutputChannel,
): Promise<void> {
  log.info("Restarting the engine.");
  try {
    await stopHost(program);
  } catch (error) {
    log.warn(logLine(toErrorInfo(error)));
  }
  host.reconnect();
}
