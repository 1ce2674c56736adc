/**
 * The settings editor of a window as users see it: finds a setting and chooses one of its values,
 * by mouse and keyboard.
 */
import { until } from "./wait.mjs";

/**
 * How long one step may take before everything is tried again, in milliseconds: far more than a
 * click takes.
 */
const STEP_MS = 5000;
const MOD = process.platform === "darwin" ? "Meta" : "Control";

/** The settings editor of a window. */
export class SettingsEditor {
  #workbench;
  #page;

  constructor(workbench) {
    this.#workbench = workbench;
    this.#page = workbench.page;
  }

  /** Opens it with the product's own command, and waits until it lists our settings. */
  async open() {
    await this.#workbench.command("LocalCoder: Open Settings");
    await this.#setting("profile").waitFor();
  }

  /** Finds a setting and chooses one of its possible values. */
  async choose(key, word) {
    await this.#find(key);
    const select = this.#setting(key).locator("select");
    const words = this.#page.locator(".monaco-select-box-dropdown-container .option-text");
    const option = words.filter({ hasText: new RegExp(`^${word}$`, "u") });
    // The editor draws its list again when a search ends or a value arrives, and closes a drop-down
    // that was opened in the old list.
    await until(`localcoder.${key} is ${word}`, async () => {
      if ((await select.inputValue({ timeout: STEP_MS })) === word) {
        return true;
      }
      try {
        if (!(await option.isVisible())) {
          await select.click({ timeout: STEP_MS });
        }
        await option.click({ timeout: STEP_MS });
      } catch (error) {
        if (error.name !== "TimeoutError") {
          throw error;
        }
      }
      return false;
    });
  }

  /** Opens it by the key, as VS Code's users do. */
  async openByKey() {
    await this.#page.keyboard.press(`${MOD}+Comma`);
    await this.#search().waitFor();
  }

  /** Types into the search field. */
  async look(text) {
    await this.#search().click();
    await this.#page.keyboard.press(`${MOD}+KeyA`);
    await this.#page.keyboard.type(text);
  }

  /** The names of the available tabs, the active one first. */
  async tabs() {
    const tabs = this.#page.locator(".settings-editor .settings-tabs-widget .action-label");
    const all = await tabs.evaluateAll((labels) =>
      labels
        .filter((label) => label.checkVisibility())
        .map((label) => [label.classList.contains("checked"), label.textContent.trim()]),
    );
    all.sort(([one], [other]) => Number(other) - Number(one));
    return all.map(([, name]) => name);
  }

  /** The keys of the settings in the list, as far as they are in sight. */
  async listed() {
    const rows = this.#page.locator(".settings-editor [data-key]");
    return await rows.evaluateAll((all) => [...new Set(all.map((row) => row.dataset.key))]);
  }

  /** The value that one of our settings shows, if it is one of several words. */
  async shown(key) {
    return await this.#setting(key).locator("select").inputValue({ timeout: STEP_MS });
  }

  /** Switches to the tab of that name. */
  async tab(name) {
    const tabs = this.#page.locator(".settings-editor .settings-tabs-widget .action-label");
    await tabs.filter({ hasText: name }).click();
  }

  /** Waits until the search finds nothing. */
  async nothing() {
    const told = this.#page.locator(".settings-editor").getByText("No Settings Found");
    await told.first().waitFor();
  }

  /** Waits until one of our settings is listed. */
  async lists(key) {
    await this.#setting(key).waitFor();
  }

  /** Closes it, whether it is a tab or a window above the editor. */
  async close() {
    // The first key may only close something on top of it, such as a hint.
    await until("the settings editor is closed", async () => {
      if (await this.#page.locator(".settings-editor").isHidden()) {
        return true;
      }
      await this.#page.keyboard.press("Escape");
      return false;
    });
  }

  #setting(key) {
    return this.#page.locator(`.settings-editor [data-key="localcoder.${key}"]`);
  }

  #search() {
    return this.#page.locator(".settings-editor .suggest-input-container .monaco-editor");
  }

  async #find(key) {
    await this.look(`localcoder.${key}`);
    await this.#setting(key).waitFor();
  }
}
