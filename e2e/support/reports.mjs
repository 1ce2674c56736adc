/** What tools report on code, as users see it, and the fixes that are offered for it. */
import { until } from "./wait.mjs";

const MOD = process.platform === "darwin" ? "Meta" : "Control";

/** How long to wait for something to open before it is requested again, in milliseconds. */
const OPENS_MS = 2_000;

/** Waits until the status bar counts this many errors. */
export async function reported(workbench, count) {
  const item = workbench.page.locator('[id="status.problems"]');
  const pattern = new RegExp(`^${count}\\D`, "u");
  await until(`${count} errors are reported`, async () =>
    pattern.test((await item.innerText()).trim()),
  );
}

/** Chooses a fix that is offered at the cursor, by its key. */
export async function fixAtCursor(workbench, title) {
  await take(workbench, title, () => workbench.page.keyboard.press(`${MOD}+Period`));
}

/** Chooses a fix from the hover about a report, with the mouse on that text. */
export async function fixFromHover(workbench, text, title) {
  const { page } = workbench;
  const line = page.locator(".editor-instance .view-line").filter({ hasText: text });
  const button = page.locator(".monaco-hover .action", { hasText: "Quick Fix" });
  await take(workbench, title, async () => {
    await line.locator("span > span").nth(2).hover({ timeout: OPENS_MS });
    await button.click({ timeout: OPENS_MS });
  });
}

/** Chooses a fix for the report with these words in the list of problems. */
export async function fixFromProblems(workbench, words, title) {
  const { page } = workbench;
  await page.keyboard.press(`${MOD}+Shift+M`);
  const row = page.locator(".markers-panel .monaco-list-row", { hasText: words }).first();
  await row.click();
  await take(workbench, title, () => page.keyboard.press(`${MOD}+Period`));
}

async function take({ page }, title, open) {
  // In an editor it is a list of its own, in the list of problems a menu.
  const fix = page.locator(".action-widget .action, .context-view .action-item", {
    hasText: title,
  });
  await until(`${title} is offered`, async () => {
    try {
      await open();
      await fix.first().waitFor({ timeout: OPENS_MS });
    } catch (error) {
      if (error.name !== "TimeoutError") {
        throw error;
      }
      return false;
    }
    return true;
  });
  // A menu ignores a click right after it has opened.
  await until(`${title} is taken`, async () => {
    if ((await fix.count()) > 0) {
      await fix
        .first()
        .click({ timeout: OPENS_MS })
        .catch(() => undefined);
    }
    return (await fix.count()) === 0;
  });
}
