/** The page of the set-up as its user sees it. */
import { until } from "./wait.mjs";

/** See the module. */
export class SetupPage {
  constructor(workbench) {
    this.workbench = workbench;
  }

  /** Its frame; another one whenever the page was opened again. */
  async frame() {
    return await this.workbench.webview('main[data-testid="setup"]');
  }

  /** An element of it by its name for tests. */
  async part(name) {
    return (await this.frame()).getByTestId(name);
  }

  /** Waits until it is at that step. */
  async at(step) {
    await until(`the set-up is at ${step}`, async () => {
      return (await (await this.frame()).locator("main").getAttribute("data-step")) === step;
    });
  }

  /** Waits until a part says that; gives all it says. */
  async says(name, pattern) {
    return await until(`${name} says ${pattern}`, async () => {
      const text = await (await this.part(name)).innerText({ timeout: 1_000 });
      return pattern.test(text) ? text : undefined;
    });
  }

  /** Clicks a button, once it can be. */
  async click(name) {
    await (await this.part(name)).click();
  }

  /** Waits until that button has the focus, in the page and in the window. */
  async focused(name) {
    await until(`${name} has the focus`, async () =>
      (await this.frame()).evaluate(
        (wanted) =>
          document.hasFocus() && document.activeElement?.getAttribute("data-testid") === wanted,
        name,
      ),
    );
  }

  /** The name for tests of what has the focus. */
  async focus() {
    return await (
      await this.frame()
    ).evaluate(() => document.activeElement?.getAttribute("data-testid"));
  }

  /** Waits until no page of it is there. */
  async gone() {
    await until("the page of the set-up is closed", async () => {
      const tabs = await this.workbench.tabs();
      return !tabs.some((tab) => tab.startsWith("Set Up LocalCoder"));
    });
  }
}
