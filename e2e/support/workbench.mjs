/**
 * A window of the IDE as users see it: files, selections, keys, diffs, notifications, the status
 * bar, the Explanation view. Everything is done by keyboard and mouse.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { SCREENSHOTS } from "./places.mjs";
import { LOOK_EVERY_MS, PATIENCE_S, rest, until } from "./wait.mjs";

const STATUS = '[id="localcoder.localcoder.localcoder.status"]';
const MOD = process.platform === "darwin" ? "Meta" : "Control";

/** Keys as users press them. */
export const KEYS = {
  improve: `${MOD}+Alt+KeyI`,
  explain: `${MOD}+Alt+KeyE`,
  apply: `${MOD}+Enter`,
  discard: "Escape",
  keepChange: `${MOD}+KeyY`,
  dropChange: `${MOD}+Backspace`,
  inlineChat: `${MOD}+KeyI`,
  undo: `${MOD}+KeyZ`,
  save: `${MOD}+KeyS`,
};

/** The text of the status bar once the engine has its demo model ready. */
export const READY = /^LocalCoder: LocalCoder demo$/u;

/** How long to try with one file dialog, in seconds: it takes one or two. */
const DIALOG_S = 10;

/** A window of the IDE. */
export class Workbench {
  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE_S * 1000);
  }

  /**
   * Opens the window and waits until the engine is ready, or until the status bar says `status`.
   * `first`: the first window reports once that the model is a demo.
   */
  async open(url, { first, status = READY }) {
    await this.page.goto(url);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
    await this.status(status);
    if (first) {
      await this.notification(/small demo model/u);
      await this.closeNotifications();
    }
  }

  /** Waits until the status bar has that text; returns its whole text. */
  async status(pattern) {
    return await until(`the status bar says ${pattern}`, async () => {
      const label = await this.statusLabel();
      return pattern.test(label) ? label : undefined;
    });
  }

  /**
   * From now on, records everything that the status bar says; returns a function that returns the
   * record.
   */
  async recordStatus() {
    await this.page.evaluate((selector) => {
      const seen = [];
      const note = () => {
        const label = document.querySelector(selector)?.getAttribute("aria-label");
        if (label && seen.at(-1) !== label) {
          seen.push(label);
        }
      };
      note();
      const bar = /** @type {Element} */ (document.querySelector(".part.statusbar"));
      new MutationObserver(note).observe(bar, {
        attributes: true,
        childList: true,
        subtree: true,
      });
      globalThis.statusSeen = seen;
    }, STATUS);
    return () => this.page.evaluate(() => globalThis.statusSeen);
  }

  /** What a screen reader reads for the status bar item. */
  async statusLabel() {
    return (await this.page.locator(STATUS).getAttribute("aria-label")) ?? "";
  }

  async clickStatus() {
    await this.page.locator(STATUS).click();
    await this.page.mouse.move(640, 400); // Its tooltip may cover notifications.
  }

  /**
   * What the status bar item shows when the mouse rests on it. `has`: a text in it, in the language
   * of the window.
   */
  async statusDetails(has = "Host process") {
    const shown = async () => {
      const hovers = await this.page.locator(".workbench-hover").allInnerTexts();
      const texts = hovers.map((hover) => hover.replaceAll("\u00a0", " "));
      return texts.find((hover) => hover.includes(has));
    };
    return await until("the status bar item has a tooltip", async () => {
      await this.page.mouse.move(640, 400);
      await this.page.locator(STATUS).hover();
      return await until("it is shown", shown, { seconds: 3 });
    });
  }

  /** Opens a file of the project by its name, and puts the focus into it. */
  async openFile(name) {
    await this.#pick(`${MOD}+KeyP`, name, name);
    await this.inFile(name);
  }

  /** Opens a file that is shown as a preview. */
  async openPreview(name) {
    const tab = new RegExp(name.replaceAll(".", "\\."), "u");
    await until(`the preview of ${name} is shown`, async () => {
      await this.#pick(`${MOD}+KeyP`, name, name);
      // The folder's start page may open just then, and cover it.
      return await this.#activeTab(tab, { seconds: 10 }).catch(() => undefined);
    });
  }

  /** Opens a notebook, and waits until its cells are there. */
  async openNotebook(name) {
    await this.#pick(`${MOD}+KeyP`, name, name);
    await this.#activeTab(new RegExp(name.replaceAll(".", "\\."), "u"));
    await this.page.locator(".notebook-editor .monaco-list-row").first().waitFor();
  }

  /** Selects the whole text of the notebook cell that matches. */
  async selectCell(pattern) {
    const cell = this.page
      .locator(".notebook-editor .cell-list-container .monaco-editor")
      .filter({ hasText: pattern });
    await until("the text of the cell is selected", async () => {
      await cell.locator(".view-line").first().click({ timeout: 1_000 });
      await cell.and(this.page.locator(".focused")).waitFor({ timeout: 1_000 });
      await this.page.keyboard.press(`${MOD}+KeyA`);
      await cell.locator(".selected-text").first().waitFor({ timeout: 1_000 });
      return true;
    });
  }

  /** Waits until a cell of the notebook matches. */
  async cellShows(pattern) {
    await until(`a cell shows ${pattern}`, async () => {
      const cells = this.page.locator(".notebook-editor .cell-list-container .view-lines");
      const text = (await cells.allInnerTexts()).join("\n").replaceAll("\u00a0", " ");
      return pattern.test(text);
    });
  }

  /** The webview frame that has an element for the selector. */
  async webview(selector) {
    return await until(`a webview has ${selector}`, async () => {
      for (const frame of this.page.frames()) {
        if ((await frame.locator(selector).count()) > 0) {
          return frame;
        }
      }
    });
  }

  /** Waits until the focus is in the text of that file. */
  async inFile(name) {
    await this.#activeTab(name);
    await this.page.locator(".editor-group-container.active .monaco-editor.focused").waitFor();
  }

  /** Selects whole lines, from 1, by keyboard. */
  async selectLines(start, end) {
    await this.goTo(start);
    for (let line = start; line < end; line += 1) {
      await this.page.keyboard.press("Shift+ArrowDown");
    }
    await this.page.keyboard.press("Shift+End");
    await this.page
      .locator('[id="status.editor.selection"]')
      .filter({ hasText: /\(\d+ selected\)/u })
      .waitFor();
  }

  /**
   * Selects the whole file that has the focus, and waits until the selection reaches its last line,
   * counted from 1.
   */
  async selectAll(last) {
    await until("all is selected", async () => {
      await this.page.keyboard.press(`${MOD}+KeyA`);
      return await this.selected(new RegExp(`^Ln ${last},`, "u"), { seconds: 3 });
    });
  }

  /**
   * Waits until something is selected and the status bar's text about the cursor matches; returns
   * that text.
   */
  async selected(pattern, options) {
    const place = this.page.locator('[id="status.editor.selection"]');
    const says = async () => {
      const text = await place.innerText({ timeout: 1_000 });
      return pattern.test(text) && /\(\d+ selected\)/u.test(text) ? text : undefined;
    };
    return await until(`what is selected is ${pattern}`, says, options);
  }

  /** Waits until the cursor, or the end of a selection, is in this line of the editor. */
  async cursorIn(line) {
    await this.page
      .locator('[id="status.editor.selection"]')
      .filter({ hasText: new RegExp(`^Ln ${line}, Col`, "u") })
      .waitFor();
  }

  /**
   * Puts the cursor before the first character of a line; tries again if something that was still
   * under way, such as pasting, has moved it.
   */
  async goTo(line) {
    const there = this.page
      .locator('[id="status.editor.selection"]')
      .filter({ hasText: `Ln ${line}, Col 1` });
    await until(`the cursor is in line ${line}`, async () => {
      await this.#askPalette("Control+KeyG", `:${line}:1`);
      await this.page.keyboard.press("Enter");
      await this.#quickInput().waitFor({ state: "hidden" });
      return await there.waitFor({ timeout: 3_000 }).then(
        () => true,
        () => false,
      );
    });
  }

  /** The line that the cursor is in. */
  async line() {
    const numbers = this.page.locator(".monaco-editor .line-numbers.active-line-number");
    return Number(await numbers.first().innerText({ timeout: 1_000 }));
  }

  /** Runs a command of the command palette by its whole title. */
  async command(title) {
    await this.#pick("F1", `>${title}`, title);
  }

  /** Runs a command that asks for one of several entries, and chooses that one. */
  async choose(title, entry) {
    await this.#chooseEntry(title, entry);
    await this.#quickInput().waitFor({ state: "hidden" });
  }

  /** Runs a command that asks for one of several entries; continue with {@link entry}. */
  async ask(title) {
    await this.#begin(title);
  }

  /** Waits for an entry of the list; returns what a screen reader reads for it. */
  async entry(pattern) {
    return await until(`an entry says ${pattern}`, async () => {
      const labels = await this.page
        .locator(".quick-input-list .monaco-list-row")
        .evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label") ?? ""));
      return labels.find((label) => pattern.test(label));
    });
  }

  /** Chooses the entry that begins like this. */
  async take(entry) {
    await this.#row(entry).first().click();
    await this.#quickInput().waitFor({ state: "hidden" });
  }

  /**
   * Waits until an entry that begins like this has focus; returns what a screen reader reads for
   * it.
   */
  async focusedEntry(entry) {
    const row = this.page.locator(
      `.quick-input-list .monaco-list-row.focused[aria-label^="${entry}"]`,
    );
    return await row.getAttribute("aria-label");
  }

  /** Waits until no list or input box is open. */
  async askedNoMore() {
    await this.#quickInput().waitFor({ state: "hidden" });
  }

  /** Runs a command that asks for a text; `question`: the prompt. */
  async tell(title, question, text) {
    await this.#begin(title);
    await this.page.locator(".quick-input-title").filter({ hasText: question }).waitFor();
    await this.#quickInput().fill(text);
    await this.#quickInput().press("Enter");
    await this.askedNoMore();
  }

  /** Runs a command that asks for one of several entries and then for a folder. */
  async chooseAndPick(title, entry, path, button) {
    await this.#pickPath(() => this.#chooseEntry(title, entry), path, button);
  }

  /** Chooses a path in the file dialog that `begin` opens. */
  async pick(begin, path, button) {
    await this.#pickPath(begin, path, button);
  }

  /** Runs a command that asks for a folder. */
  async commandWithPath(title, path, button) {
    await this.#pickPath(() => this.#begin(title), path, button);
  }

  /**
   * The editor's file dialog can get stuck if it is answered while it lists a folder: then it
   * accepts nothing any more. In that case, it is closed and the command is called again.
   */
  async #pickPath(begin, path, button) {
    let value;
    await until("the folder is taken", async () => {
      await begin();
      const seen = await this.#answerPath(path, button);
      value = seen.value;
      return seen.taken;
    }).catch((error) => {
      throw new Error(`${error.message}; the dialog for files shows ${value}, not ${path}`);
    });
  }

  async #answerPath(path, button) {
    const input = this.#quickInput();
    const value = () => input.inputValue({ timeout: 1000 }).catch(() => "");
    // It lists the folder that it starts with, and puts that path into the input once more.
    await until("the dialog for files lists a folder", async () => {
      const rows = await this.page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
      return (await value()).startsWith("/") && rows.some((row) => row.trim() === "..");
    });
    const take = this.page.locator(".quick-input-widget").getByRole("button", { name: button });
    const deadline = Date.now() + DIALOG_S * 1000;
    let looks = 0;
    while (Date.now() < deadline) {
      if (await input.isHidden()) {
        return { taken: true };
      }
      if ((await value()) !== path) {
        looks = 0;
        await input.fill(path, { timeout: 1000 }).catch(() => undefined);
      } else if (++looks > 2) {
        // The first entry may be chosen instead, which is another folder: then start over.
        await take.click({ timeout: 1000 }).catch(() => undefined);
        looks = 0;
      }
      await rest(LOOK_EVERY_MS);
    }
    const shown = await value();
    await this.page.keyboard.press("Escape");
    await input.waitFor({ state: "hidden" });
    return { taken: false, value: shown };
  }

  #row(label) {
    return this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${label}"]`);
  }

  /** Runs a command that keeps asking. */
  async #begin(title) {
    await this.#takeFrom("F1", `>${title}`, title);
  }

  async #chooseEntry(title, entry) {
    await this.#begin(title);
    await this.#row(entry).first().click();
  }

  /** Waits for a line of the list of models; `label`: how a screen reader begins it. */
  async model(label) {
    await (await this.modelRow(label)).waitFor();
  }

  /** The line itself. The list renders only some of its models, so it is scrolled to this one. */
  async modelRow(label) {
    const list = this.page.locator(".pane-body .monaco-list");
    const row = this.page.locator(`.pane-body .monaco-list-row[aria-label^="${label}"]`);
    let step = 200;
    await until(`the list has ${label}`, async () => {
      if ((await row.count()) > 0) {
        return true;
      }
      const shown = list.filter({ hasText: /demo|Qwen|Llama|Gemma/u }).first();
      await shown.hover({ timeout: 1_000 });
      const before = await shown.innerText();
      await this.page.mouse.wheel(0, step);
      await rest(100);
      step = (await shown.innerText()) === before ? -step : step;
      return false;
    });
    return row;
  }

  /** Waits for a dialog; returns its text. */
  async dialog() {
    return await this.page.locator(".monaco-dialog-box").innerText();
  }

  /** Presses a button of the dialog. */
  async answer(button) {
    await this.page
      .locator(".monaco-dialog-box")
      .getByRole("button", { name: button, exact: true })
      .click();
  }

  /** Waits until no dialog is open. */
  async noDialog() {
    await this.page.locator(".monaco-dialog-box").waitFor({ state: "hidden" });
  }

  /** The entries of the command palette for a word. */
  async commandsFor(word) {
    await this.#askPalette("F1", `>${word}`);
    // The list is filtered with a delay; a word without any matches shows when that has happened.
    const rows = this.page.locator(".quick-input-list .monaco-list-row");
    await until("the palette is filtered", async () => {
      const texts = await rows.allInnerTexts();
      return (
        texts.every((text) => text.toLowerCase().includes(word.toLowerCase())) ||
        texts.some((text) => /no matching|similar commands/iu.test(text))
      );
    });
    const texts = await rows.allInnerTexts();
    await this.page.keyboard.press("Escape");
    await this.#quickInput().waitFor({ state: "hidden" });
    return texts;
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  /** Types text as a user does, key by key. */
  async type(text) {
    await this.page.keyboard.type(text);
  }

  /** The whole text of the file that has the focus, by way of the clipboard. */
  async text() {
    await this.page.evaluate(() => navigator.clipboard.writeText(""));
    return await until("the text is copied", async () => {
      await this.page.keyboard.press(`${MOD}+KeyA`);
      await this.page.keyboard.press(`${MOD}+KeyC`);
      return await this.page.evaluate(() => navigator.clipboard.readText());
    });
  }

  /** Pastes text into the editor, without the indentation that typing adds. */
  async paste(text) {
    await this.page.evaluate((value) => navigator.clipboard.writeText(value), text);
    await this.page.keyboard.press(`${MOD}+KeyV`);
  }

  /** Waits for the diff of an improvement and its buttons; returns the title of its tab. */
  async diff(name) {
    const title = new RegExp(`^Improve ${name.replaceAll(".", "\\.")} \\(lines? [\\d–]+\\)`, "u");
    const tab = await this.#activeTab(title);
    await this.page.locator(".monaco-diff-editor .view-line").first().waitFor();
    await this.button("Apply").waitFor();
    await until("the focus is in the diff", () =>
      this.page.evaluate(() => document.activeElement?.closest(".monaco-diff-editor") !== null),
    );
    // While the notification is open, Escape hides it and does nothing else.
    await this.noNotification(/^Improving /u);
    return tab;
  }

  /** A button in the title of the editor. */
  button(name) {
    return this.page
      .locator(".editor-group-container.active .editor-actions")
      .getByRole("button", { name: new RegExp(`^${name}`, "u") });
  }

  /** Waits until no diff of an improvement is open. */
  async noDiff() {
    await until("the diff is closed", async () => {
      const names = await this.tabs();
      return !names.some((name) => name.startsWith("Improve "));
    });
  }

  /** Goes to a tab by mouse. `name`: its whole name, or a pattern. */
  async openTab(name) {
    const tabs = this.page.locator(".tabs-container").getByRole("tab", { name, exact: true });
    await tabs.click();
    await this.#activeTab(name);
  }

  /** Closes a tab by mouse, whether it is active or not. */
  async closeTab(name) {
    const tab = this.page.locator(".tabs-container").getByRole("tab", { name, exact: true });
    await until(`the tab ${name} is closed`, async () => {
      if ((await tab.count()) > 0) {
        await tab.click({ button: "middle", timeout: 1_000 });
      }
      return (await tab.count()) === 0;
    });
  }

  /** Renames a file in the explorer. */
  async rename(from, to) {
    const row = (name) =>
      this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`);
    const input = this.page.locator(".explorer-folders-view .explorer-item-edited input");
    await until(`the explorer asks for a new name of ${from}`, async () => {
      await row(from).click({ timeout: 1_000 });
      await this.page.keyboard.press("F2");
      return await input.waitFor({ timeout: 3_000 }).then(
        () => true,
        () => false,
      );
    });
    await input.fill(to);
    await input.press("Enter");
    await row(to).waitFor();
  }

  /** Waits until a part of the window, such as `sidebar`, is `visible` or `hidden`. */
  async part(name, state) {
    await this.page.locator(`.monaco-workbench .part.${name}`).waitFor({ state });
  }

  /** Opens the workbench's trust editor, and waits until its text about the folder matches. */
  async openTrust(pattern) {
    await this.command("Workspaces: Manage Workspace Trust");
    await this.trustSays(pattern);
  }

  /** Waits until the trust editor's text matches. */
  async trustSays(pattern) {
    const title = this.#trustEditor().locator(".workspace-trust-title");
    await until(`of the folder's trust is said ${pattern}`, async () =>
      pattern.test(await title.innerText({ timeout: 1_000 })),
    );
  }

  /** Trusts the folder, in the trust editor. */
  async trustFolder() {
    await this.#trustEditor().getByRole("button", { name: "Trust", exact: true }).click();
  }

  /** Revokes that trust, in the trust editor. */
  async distrustFolder() {
    await this.#trustEditor().getByRole("button", { name: "Don't Trust", exact: true }).click();
  }

  /**
   * Waits until the window says that its folder is restricted or, for `false`, no longer says so.
   */
  async restricted(is) {
    const state = is ? "visible" : "hidden";
    await this.page.locator('[id="status.workspaceTrust"]').waitFor({ state });
  }

  #trustEditor() {
    return this.page.locator(".workspace-trust-editor");
  }

  /** All text of a part of the window, including what only a screen reader reads. */
  async words(part) {
    return await this.page.locator(`.part.${part}`).evaluate((element) => {
      const names = ["aria-label", "title", "placeholder"];
      const labels = [...element.querySelectorAll("*")].flatMap((inner) =>
        names.map((name) => inner.getAttribute(name) ?? ""),
      );
      return [element.innerText, ...labels].filter((text) => text.trim() !== "").join(" | ");
    });
  }

  /** The names of all tabs. */
  async tabs() {
    return await this.page
      .locator(".tabs-container .tab")
      .evaluateAll((tabs) => tabs.map((tab) => tab.getAttribute("aria-label") ?? ""));
  }

  /** Whether the file in the active tab has unsaved changes. */
  async dirty() {
    return (await this.page.locator(".tabs-container .tab.active.dirty").count()) > 0;
  }

  /** Waits until the file in the active tab is saved. */
  async saved() {
    await until("the file is saved", async () => !(await this.dirty()));
  }

  /** Waits until the visible lines of the active editor match. */
  async shows(pattern) {
    await until(`the editor shows ${pattern}`, async () => {
      const lines = this.page.locator(
        ".editor-group-container.active .editor-container .monaco-editor .view-line",
      );
      const text = (await lines.allInnerTexts()).join("\n").replaceAll("\u00a0", " ");
      return pattern.test(text);
    });
  }

  /** Waits until the hints next to the lines match. */
  async besides(pattern) {
    await until(`beside the lines stands ${pattern}`, async () =>
      pattern.test(await this.besideLines()),
    );
  }

  /**
   * Waits until a screen reader reads that text about a decision: it reads changes of an element
   * with this role.
   */
  async decided(pattern) {
    const item = this.page.locator(
      '[id="localcoder.localcoder.localcoder.decision"] [role="status"]',
    );
    await until(`it is said: ${pattern}`, async () =>
      pattern.test((await item.getAttribute("aria-label", { timeout: 1_000 })) ?? ""),
    );
  }

  /** Presses a button at a change of the diff, counted from 0, by mouse. */
  async changeButton(name, index) {
    const change = this.page.locator(".monaco-diff-editor .gutterItem").nth(index);
    await until(`${name} is pressed`, async () => {
      await change.hover({ timeout: 1_000 });
      const button = change.getByRole("button", { name: new RegExp(`^${name}`, "u") });
      await button.click({ timeout: 1_000 });
      return true;
    });
  }

  /** The hints next to the lines of the active editor, which are not part of its text. */
  async besideLines() {
    const spans = this.page.locator(".editor-group-container.active .view-line span");
    return await spans.evaluateAll((all) => {
      const contents = all.map((span) => getComputedStyle(span, "::after").content);
      return contents
        .filter((it) => /^"/u.test(it))
        .join("\n")
        .replaceAll("\u00a0", " ");
    });
  }

  /** Waits for a notification; returns its text. */
  async notification(pattern) {
    return await until(`a notification says ${pattern}`, async () => {
      const texts = await this.notifications();
      return texts.find((text) => pattern.test(text));
    });
  }

  /** Waits until no notification matches. */
  async noNotification(pattern) {
    await until(`no notification says ${pattern}`, async () => {
      const texts = await this.notifications();
      return !texts.some((text) => pattern.test(text));
    });
  }

  /** Clicks a button of the notification with that text. */
  async clickNotification(text, button) {
    await this.#notificationButton(text, button).click();
  }

  /** Waits for a notification with that text and that button. */
  async notificationButton(text, button) {
    await this.#notificationButton(text, button).waitFor();
  }

  #notificationButton(text, button) {
    const message = this.page.locator(".notification-list-item-message", { hasText: text });
    return this.page
      .locator(".notifications-toasts .notification-list-item")
      .filter({ has: message })
      .getByRole("button", { name: button });
  }

  /** The texts of the notifications that are shown. */
  async notifications() {
    const items = this.page.locator(".notifications-toasts .notification-list-item-message");
    return (await items.allInnerTexts()).map((text) => text.replaceAll(/\s+/gu, " ").trim());
  }

  async closeNotifications() {
    await until("the notifications are closed", async () => {
      const toast = this.page.locator(".notifications-toasts .notification-toast").first();
      if ((await toast.count()) === 0) {
        return true;
      }
      await toast.hover({ timeout: 1_000 });
      const clear = toast.locator(".codicon-notifications-clear");
      await clear.click({ timeout: 1_000 });
      return false;
    });
  }

  /** The Explanation view. */
  explanation() {
    return this.page
      .frameLocator("iframe.webview")
      .frameLocator("iframe#active-frame")
      .getByTestId("explanation");
  }

  /** A part of the Explanation view. */
  explanationPart(name) {
    return this.explanation().getByTestId(`explanation-${name}`);
  }

  /** Waits until the explanation is in one of these phases; returns the phase. */
  async explanationPhase(...phases) {
    return await until(`the explanation is ${phases.join(" or ")}`, async () => {
      const phase = await this.phaseNow();
      return phases.includes(phase) ? phase : undefined;
    });
  }

  /** The current phase of the explanation; `undefined` if there is no view yet. */
  async phaseNow() {
    const frame = this.page
      .frames()
      .find((inner) => /[?&]id=/u.test(inner.url()) && inner.childFrames().length > 0);
    return await frame
      ?.childFrames()[0]
      .evaluate(() => document.querySelector("main")?.dataset.phase)
      .catch(() => undefined);
  }

  /** Saves a screenshot as an artifact. */
  async photograph(name) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    // Skip animations, so that what is about to be shown is shown completely.
    const options = { animations: "disabled" };
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), ...options });
  }

  /**
   * Opens a list and types into it; tries again if it was closed by something else that ended just
   * then.
   */
  async #askPalette(key, text) {
    await until(`the palette takes "${text}"`, async () => {
      await this.page.keyboard.press(key);
      return await this.#quickInput()
        .fill(text, { timeout: 10_000 })
        .then(
          () => true,
          () => false,
        );
    });
  }

  async #pick(key, text, entry) {
    await this.#takeFrom(key, text, entry);
    await this.#quickInput().waitFor({ state: "hidden" });
  }

  async #takeFrom(key, text, entry) {
    await until(`"${entry}" can be chosen`, async () => {
      await this.#askPalette(key, text);
      // A page that opens just then takes the focus, and the list closes.
      const taken = await this.#row(entry)
        .first()
        .click({ timeout: 5_000 })
        .then(
          () => true,
          () => false,
        );
      if (!taken) {
        // A list that was opened while the window was still loading lacks what is loaded later.
        await this.page.keyboard.press("Escape");
      }
      return taken;
    });
  }

  #quickInput() {
    return this.page.locator(".quick-input-widget .quick-input-box input").first();
  }

  async #activeTab(name, options) {
    const probe = async () => {
      const tab = this.page.locator(".editor-group-container.active .tab.active");
      const label = (await tab.getAttribute("aria-label", { timeout: 1_000 })) ?? "";
      const fits = name instanceof RegExp ? name.test(label) : label === name;
      return fits ? label : undefined;
    };
    return await until(`the tab ${name} is active`, probe, options);
  }
}
