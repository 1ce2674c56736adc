/** The page of the set-up as users see it. */
import { until } from "./wait.mjs";

/** The page of the set-up. */
export class SetupPage {
  constructor(workbench) {
    this.workbench = workbench;
  }

  /** Its frame; a new one each time the page is opened. */
  async frame() {
    return await this.workbench.webview('main[data-testid="setup"]');
  }

  /** An element of it by its test id. */
  async part(name) {
    return (await this.frame()).getByTestId(name);
  }

  /** Waits until it is at that step. */
  async at(step) {
    await until(`the set-up is at ${step}`, async () => {
      return (await (await this.frame()).locator("main").getAttribute("data-step")) === step;
    });
  }

  /** Waits until a part has that text; returns its whole text. */
  async says(name, pattern) {
    return await until(`${name} says ${pattern}`, async () => {
      const text = await (await this.part(name)).innerText({ timeout: 1_000 });
      return pattern.test(text) ? text : undefined;
    });
  }

  /** Clicks a button once it is enabled. */
  async click(name) {
    await (await this.part(name)).click();
  }

  /** Waits until that button has focus, in the page and in the window. */
  async focused(name) {
    await until(`${name} has the focus`, async () =>
      (await this.frame()).evaluate(
        (wanted) =>
          document.hasFocus() && document.activeElement?.getAttribute("data-testid") === wanted,
        name,
      ),
    );
  }

  /** The test id of the element with focus. */
  async focus() {
    return await (
      await this.frame()
    ).evaluate(() => document.activeElement?.getAttribute("data-testid"));
  }

  /** Waits until the page is closed. */
  async gone() {
    await until("the page of the set-up is closed", async () => {
      const tabs = await this.workbench.tabs();
      return !tabs.some((tab) => tab.startsWith("Set Up LocalCoder"));
    });
  }
}
