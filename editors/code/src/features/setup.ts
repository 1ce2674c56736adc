/**
 * The set-up: a page of our own at the first start, and a command later. Its state is kept here
 * and, by the program, on disk, so that hiding, closing or losing the window loses nothing.
 */
import * as vscode from "vscode";

import type { ModelRow, SetupReport } from "../generated/protocol";
import type { HostConnection } from "../host/connection";
import type { Followed } from "../host/follow";
import type { ModelsProgram } from "../host/models";
import type { SetupProgram } from "../host/setup";
import { isCancelled, renderError, toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { EMPTY_PAGE, NO_TEST, shownDownload, testAfter, waitingModel } from "../lib/setup";
import type { SetupPage } from "../lib/setup";
import type { SetupMessage } from "../lib/setup-messages";

import { pickExported, pickFile } from "./model-actions";
import type { Changed, ModelActions } from "./model-actions";
import type { Notifier } from "./notify";
import { openSample } from "./sample";
import { giveUpOwn } from "./settings";
import { SetupView } from "./setup-view";

/** What the set-up needs from the rest of the extension. */
export interface SetupParts {
  readonly extension: vscode.Uri;
  readonly program: SetupProgram;
  readonly models: ModelsProgram;
  readonly actions: ModelActions;
  readonly host: HostConnection;
  readonly notifier: Notifier;
  /** Called when another model is in use. */
  readonly chosen: () => void;
}

export class Setup implements vscode.Disposable {
  readonly #parts: SetupParts;
  readonly #view: SetupView;
  readonly #registered: vscode.Disposable;
  #page: SetupPage = EMPTY_PAGE;
  #test: Followed | undefined;
  /** Whether the set-up opens by itself at this start. */
  readonly offered: Promise<boolean>;

  constructor(parts: SetupParts) {
    this.#parts = parts;
    this.#view = new SetupView(parts.extension, (message) => {
      void this.#guarded(() => this.#receive(message));
    });
    const { actions, host } = parts;
    let devices = 0;
    const unlisten = host.onStatus.on((status) => {
      // The engine has reported which processors it can use.
      if (status.devices.length !== devices) {
        devices = status.devices.length;
        void this.#refresh();
      }
    });
    this.#registered = vscode.Disposable.from(
      this.#view,
      vscode.commands.registerCommand("localcoder.setup", () => this.open()),
      actions.onDidChange((changed) => {
        this.#changed(changed);
      }),
      new vscode.Disposable(unlisten),
    );
    this.offered = this.#offer();
  }

  /** Shows the page. A set-up that was finished starts over. */
  async open(): Promise<void> {
    await this.#guarded(async () => {
      const report = await this.#parts.program.report();
      this.#view.open();
      const done = report.step === "done";
      this.#show({ report: done ? await this.#parts.program.step("choose") : report });
    });
  }

  dispose(): void {
    this.#test?.stop();
    this.#registered.dispose();
  }

  async #offer(): Promise<boolean> {
    if (process.env["LOCALCODER_SMOKE_REPORT"] !== undefined) {
      return false;
    }
    try {
      const report = await this.#parts.program.report();
      if (report.needed) {
        this.#view.open();
        this.#show({ report });
      }
      return report.needed;
    } catch (error) {
      // Logged only: a user who wants the set-up runs it from the palette, and sees the error then.
      this.#parts.notifier.note(toErrorInfo(error).message);
      return false;
    }
  }

  async #receive(message: SetupMessage): Promise<void> {
    const { program } = this.#parts;
    switch (message.type) {
      case "ready":
        this.#view.show(this.#page);
        break;
      case "demo":
        await giveUpOwn("codeModel");
        await this.#end(await program.demo());
        break;
      case "tryIt":
        await this.#end(await program.step("done"));
        break;
      case "finish":
        await program.step("done");
        this.#view.close();
        break;
      case "choose":
        this.#test?.stop();
        this.#show({ report: await program.step("choose"), test: NO_TEST });
        break;
      case "airGap":
        await giveUpOwn("airGapped");
        this.#show({ report: await program.airGap(message.on) });
        break;
      case "test":
        await this.#tested();
        break;
      case "install":
        await this.#install(this.#row(message.id));
        break;
      case "use":
        await this.#use(message.id);
        break;
      case "resume":
        await this.#load();
        break;
      case "pause":
        await this.#pause();
        break;
      case "importFile":
        await this.#importFile(message.inPlace);
        break;
      case "importFolder":
        await this.#importFolder();
        break;
    }
  }

  #row(id: string): ModelRow | undefined {
    return this.#page.report?.list.models.find((row) => row.id === id);
  }

  async #install(row: ModelRow | undefined): Promise<void> {
    const { actions, program } = this.#parts;
    if (
      row === undefined ||
      !(await actions.agrees("install", row, () => actions.license(row.id)))
    ) {
      return;
    }
    this.#show({ report: await program.step("download", [row.id]) });
    await this.#load();
  }

  /** Downloads what was agreed to; whatever is downloaded stays, whatever happens. */
  async #load(): Promise<void> {
    const row = this.#page.report === undefined ? undefined : waitingModel(this.#page.report);
    if (row === undefined) {
      return;
    }
    await this.#guarded(async () => {
      await this.#parts.actions.download(row, vscode.ProgressLocation.Window);
      await this.#use(row.id);
      if (!this.#view.isOpen) {
        await this.#reportReady(row);
      }
    });
    await this.#refresh();
  }

  async #pause(): Promise<void> {
    const row = this.#page.report === undefined ? undefined : waitingModel(this.#page.report);
    if (row !== undefined) {
      await this.#parts.actions.pause(row);
    }
  }

  async #reportReady(row: ModelRow): Promise<void> {
    const show = l10n.t("Show the Self-Test");
    const said = l10n.t("{0} is installed and in use.", row.name);
    if ((await vscode.window.showInformationMessage(said, show)) === show) {
      this.#view.open();
      this.#view.show(this.#page);
    }
  }

  async #importFile(inPlace: boolean): Promise<void> {
    const path = await pickFile();
    if (path !== undefined) {
      await this.#imported(() => this.#parts.models.import(path, inPlace));
    }
  }

  async #importFolder(): Promise<void> {
    const path = await pickExported();
    if (path === undefined) {
      return;
    }
    const { actions, models } = this.#parts;
    const exported = await actions.license(path);
    if (await actions.agrees("import", exported, () => Promise.resolve(exported))) {
      await this.#imported(() => models.importExported(path));
    }
  }

  async #imported(take: () => Promise<{ readonly id: string }>): Promise<void> {
    this.#show({ busy: l10n.t("Reading the model and checking it…") });
    try {
      const { id } = await take();
      await this.#use(id);
    } finally {
      this.#show({ busy: "" });
    }
  }

  /** Puts an installed model into use, and tests it. */
  async #use(id: string): Promise<void> {
    await giveUpOwn("codeModel");
    const report = await this.#parts.program.use(id);
    this.#parts.chosen();
    this.#show({ report, busy: "", test: NO_TEST });
    if (report.step === "selfTest") {
      void this.#tested();
    } else {
      void this.#load();
    }
  }

  async #tested(): Promise<void> {
    if (this.#test !== undefined) {
      return;
    }
    await this.#guarded(async () => {
      this.#show({ test: NO_TEST });
      this.#test = this.#parts.program.test((event) => {
        this.#show({ test: testAfter(this.#page.test, event) });
      });
      try {
        await this.#test.done;
      } finally {
        this.#test = undefined;
        this.#show({ test: { ...this.#page.test, trying: "" } });
      }
    });
  }

  /** The page has done its part: next comes an edit. */
  async #end(report: SetupReport): Promise<void> {
    this.#parts.chosen();
    this.#view.close();
    this.#page = EMPTY_PAGE;
    await openSample(report.sample);
  }

  /** Asks for the state again; what was shown meanwhile is newer. */
  async #refresh(): Promise<void> {
    if (!this.#view.isOpen) {
      return;
    }
    const before = this.#page.report;
    await this.#guarded(async () => {
      const report = await this.#parts.program.report();
      if (this.#page.report === before) {
        this.#show({ report });
      }
    });
  }

  /** A download progressed, or the list of models changed, whatever caused it. */
  #changed(changed: Changed): void {
    if (changed === "progress") {
      this.#show({});
    } else {
      void this.#refresh();
    }
  }

  #show(change: Partial<SetupPage>): void {
    const error = change.error ?? (change.report === undefined ? this.#page.error : "");
    const page: SetupPage = { ...this.#page, ...change };
    const row = page.report === undefined ? undefined : waitingModel(page.report);
    const download =
      row === undefined ? undefined : shownDownload(row, this.#parts.actions.loading(row.id));
    const { report, test, busy } = page;
    this.#page = {
      ...(report !== undefined && { report }),
      ...(download !== undefined && { download }),
      test,
      busy,
      error,
    };
    this.#view.show(this.#page);
  }

  /** Runs `act`; an error is shown on the page while that is open. */
  async #guarded(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (isCancelled(error)) {
        return;
      }
      if (this.#view.isOpen) {
        this.#show({ busy: "", error: renderError(toErrorInfo(error), false).text });
      } else {
        this.#parts.notifier.error(error);
      }
    }
  }
}
