/**
 * *Manage Models*: a page with all models side by side, and everything that is known of the chosen
 * one. It shows what `model-actions.ts` holds, calls its actions, and decides nothing itself.
 */
import * as vscode from "vscode";

import type { ModelRow } from "../generated/protocol";
import { renderError, toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";
import { readFromManager } from "../lib/manager";
import type { FromManager, LicenseShown, ManagedModel, ToManager } from "../lib/manager";
import { escaped } from "../lib/words";

import type { ModelActions } from "./model-actions";
import { dropped } from "./model-drop";
import type { Notifier } from "./notify";
import { pageHtml, pageRoots } from "./page";

const VIEW_TYPE = "localcoder.models.manager";

/** All fixed text; what varies comes as messages and is set as text. */
const BODY = `<main id="manager" data-testid="manager">
<header>
<h1>${escaped(l10n.t("Models"))}</h1>
<div id="tools" role="group" aria-label="${escaped(l10n.t("Models"))}">
<button id="import" data-testid="manager-import" type="button">${escaped(l10n.t("Import GGUF File…"))}</button>
<button id="importExported" data-testid="manager-import-exported" type="button">${escaped(l10n.t("Import Exported Model…"))}</button>
<button id="refresh" data-testid="manager-refresh" type="button">${escaped(l10n.t("Refresh"))}</button>
</div>
</header>
<p id="disk" data-testid="manager-disk"></p>
<p id="refusal" data-testid="manager-refusal" role="note" hidden></p>
<form id="filter" role="search" aria-label="${escaped(l10n.t("Filter models"))}">
<input id="text" data-testid="manager-text" type="search" placeholder="${escaped(l10n.t("Filter by name, role, license…"))}" aria-label="${escaped(l10n.t("Filter by name, role or license"))}">
<select id="which" data-testid="manager-which" aria-label="${escaped(l10n.t("Which models"))}">
<option value="all">${escaped(l10n.t("All models"))}</option>
<option value="installed">${escaped(l10n.t("Installed"))}</option>
<option value="available">${escaped(l10n.t("Can be installed"))}</option>
</select>
<label><input id="fits" data-testid="manager-fits" type="checkbox"> ${escaped(l10n.t("Fits now"))}</label>
<span id="count" data-testid="manager-count" role="status"></span>
</form>
<div id="body">
<div id="table-box">
<table id="table" data-testid="manager-table" role="grid" aria-label="${escaped(l10n.t("Models"))}">
<thead><tr id="head" role="row"></tr></thead>
<tbody id="rows"></tbody>
</table>
<p id="drop" class="aside">${escaped(l10n.t("Drop a GGUF file or an exported model from the Explorer here (hold Shift) to import it."))}</p>
</div>
<section id="details" data-testid="manager-details" aria-labelledby="details-name" hidden>
<h2 id="details-name"></h2>
<p id="details-id"></p>
<div id="actions" data-testid="manager-actions" role="group" aria-label="${escaped(l10n.t("What can be done with this model"))}"></div>
<dl id="about"></dl>
<details id="license" data-testid="manager-license">
<summary>${escaped(l10n.t("Text of the license"))}</summary>
<pre id="license-text" data-testid="manager-license-text" tabindex="0" aria-label="${escaped(l10n.t("Text of the license"))}">${escaped(l10n.t("Loading…"))}</pre>
</details>
<dl id="facts" data-testid="manager-facts"></dl>
</section>
</div>
<p id="downloads" class="downloads" role="status" aria-live="polite" data-testid="manager-downloads"></p>
</main>`;

/** Registers the command that opens the page, at a model if one is named. */
export function registerManager(
  extension: vscode.Uri,
  actions: ModelActions,
  notifier: Notifier,
): vscode.Disposable {
  let page: ManagerPage | undefined;
  return vscode.Disposable.from(
    vscode.commands.registerCommand("localcoder.models.manage", (row?: ModelRow) => {
      page ??= new ManagerPage(extension, actions, notifier, () => {
        page = undefined;
      });
      page.show(row?.id);
    }),
    new vscode.Disposable(() => {
      page?.dispose();
    }),
  );
}

class ManagerPage implements vscode.Disposable {
  readonly #panel: vscode.WebviewPanel;
  readonly #actions: ModelActions;
  readonly #notifier: Notifier;
  readonly #following: vscode.Disposable;
  #license: LicenseShown | undefined;
  #chosen: string | undefined;

  constructor(
    extension: vscode.Uri,
    actions: ModelActions,
    notifier: Notifier,
    closed: () => void,
  ) {
    this.#actions = actions;
    this.#notifier = notifier;
    this.#panel = vscode.window.createWebviewPanel(
      VIEW_TYPE,
      l10n.t("Models"),
      vscode.ViewColumn.Active,
      {
        enableScripts: true,
        enableFindWidget: true,
        // The filter and the chosen model live in the page only, and are small.
        retainContextWhenHidden: true,
        localResourceRoots: pageRoots(extension),
      },
    );
    const { webview } = this.#panel;
    webview.onDidReceiveMessage((message: unknown) => {
      const read = readFromManager(message);
      if (read !== undefined) {
        void this.#receive(read);
      }
    });
    webview.html = pageHtml(extension, webview, {
      title: l10n.t("Models"),
      style: "manager.css",
      script: "manager.js",
      body: BODY,
    });
    this.#following = actions.onDidChange(() => void this.#post());
    this.#panel.onDidDispose(() => {
      this.#following.dispose();
      closed();
    });
  }

  /** Brings the page to the front, at this model if one is named. */
  show(id: string | undefined): void {
    this.#chosen = id ?? this.#chosen;
    this.#panel.reveal();
    this.#actions.refresh();
    this.#choose();
  }

  dispose(): void {
    this.#panel.dispose();
  }

  async #receive(message: FromManager): Promise<void> {
    switch (message.type) {
      case "ready":
        await this.#post();
        this.#choose();
        break;
      case "command":
        await this.#command(message.command);
        break;
      case "act": {
        const row = await this.#row(message.id);
        if (row !== undefined && this.#actions.shown(row).actions.includes(message.action)) {
          await this.#actions.run(message.action, row);
        }
        break;
      }
      case "license":
        await this.#readLicense(message.id);
        break;
      case "dropped":
        await dropped(this.#actions, message.uris);
        break;
    }
  }

  async #command(command: "import" | "importExported" | "refresh"): Promise<void> {
    switch (command) {
      case "import":
        await this.#actions.guarded(() => this.#actions.import());
        break;
      case "importExported":
        await this.#actions.guarded(() => this.#actions.importExported());
        break;
      case "refresh":
        this.#actions.refresh();
        break;
    }
  }

  async #row(id: string): Promise<ModelRow | undefined> {
    const { models } = await this.#actions.list();
    return models.find((row) => row.id === id);
  }

  async #readLicense(id: string): Promise<void> {
    try {
      const { text } = await this.#actions.license(id);
      this.#license = { id, text: text || l10n.t("Nothing is known of its license.") };
    } catch (error) {
      this.#license = { id, text: renderError(toErrorInfo(error)).text };
    }
    await this.#post();
  }

  async #post(): Promise<void> {
    try {
      const { models, diskText, refusal } = await this.#actions.list();
      const managed = models.map((row): ManagedModel => {
        const loading = this.#actions.loading(row.id);
        const shown = this.#actions.shown(row);
        return { row, shown, ...(loading === undefined ? {} : { loading }) };
      });
      this.#send({
        type: "state",
        state: {
          models: managed,
          diskText,
          refusal: refusal === undefined ? "" : renderError(refusal).text,
          ...(this.#license === undefined ? {} : { license: this.#license }),
        },
      });
    } catch (error) {
      this.#notifier.error(error, () => {
        this.#actions.refresh();
      });
    }
  }

  #choose(): void {
    if (this.#chosen !== undefined) {
      this.#send({ type: "choose", id: this.#chosen });
    }
  }

  #send(message: ToManager): void {
    void this.#panel.webview.postMessage(message);
  }
}
