/**
 * The settings editor of a window as its user sees it: a setting is looked for and one of its
 * values chosen, by mouse and keyboard.
 */
import { until } from "./wait.mjs";

/** How long one step may take before it is tried from the start: far above what a click takes. */
const STEP_MS = 5000;
const MOD = process.platform === "darwin" ? "Meta" : "Control";

/** See the module. */
export class SettingsEditor {
  #workbench;
  #page;

  constructor(workbench) {
    this.#workbench = workbench;
    this.#page = workbench.page;
  }

  /** Opens it by the product's own command, and waits until it lists our settings. */
  async open() {
    await this.#workbench.command("LocalCoder: Open Settings");
    await this.#setting("profile").waitFor();
  }

  /** Looks for a setting and chooses one of the words that it may be. */
  async choose(key, word) {
    await this.#find(key);
    const select = this.#setting(key).locator("select");
    const words = this.#page.locator(".monaco-select-box-dropdown-container .option-text");
    const option = words.filter({ hasText: new RegExp(`^${word}$`, "u") });
    // The editor draws its list again when a search ends or a value arrives, and closes what was
    // dropped down from the old one.
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

  /** Opens it as VS Code's users do, by the key. */
  async openByKey() {
    await this.#page.keyboard.press(`${MOD}+Comma`);
    await this.#search().waitFor();
  }

  /** Types into the field that looks for settings. */
  async look(text) {
    await this.#search().click();
    await this.#page.keyboard.press(`${MOD}+KeyA`);
    await this.#page.keyboard.type(text);
  }

  /** The names of the tabs that can be chosen, the chosen one first. */
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

  /** The keys of the settings that are listed now, as far as they are in sight. */
  async listed() {
    const rows = this.#page.locator(".settings-editor [data-key]");
    return await rows.evaluateAll((all) => [...new Set(all.map((row) => row.dataset.key))]);
  }

  /** What a setting of ours shows, where it is one word of several. */
  async shown(key) {
    return await this.#setting(key).locator("select").inputValue({ timeout: STEP_MS });
  }

  /** Chooses the tab of that name. */
  async tab(name) {
    const tabs = this.#page.locator(".settings-editor .settings-tabs-widget .action-label");
    await tabs.filter({ hasText: name }).click();
  }

  /** Waits until nothing that was looked for is found. */
  async nothing() {
    const told = this.#page.locator(".settings-editor").getByText("No Settings Found");
    await told.first().waitFor();
  }

  /** Waits until a setting of ours is listed. */
  async lists(key) {
    await this.#setting(key).waitFor();
  }

  /** Closes it, whether it is a tab or a window above the editor. */
  async close() {
    // The first key may only close what is over it, such as a hint.
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
