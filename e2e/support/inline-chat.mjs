/** Inline chat as its user sees it: the editor's own box within the text. */
import { until } from "./wait.mjs";
import { KEYS } from "./workbench.mjs";

/** Opens inline chat at what is selected, and asks for that. */
export async function askInline(workbench, words) {
  await workbench.page.keyboard.press(KEYS.inlineChat);
  await sayInline(workbench, words);
}

/** Asks for that in inline chat, which is open. */
export async function sayInline(workbench, words) {
  await workbench.page
    .locator(".inline-chat .interactive-input-editor .monaco-editor.focused")
    .waitFor();
  await workbench.page.keyboard.type(words);
  if (words.startsWith("/")) {
    // The first one takes it from the list of what can be asked so.
    await workbench.page.locator(".suggest-widget.visible .monaco-list-row").first().waitFor();
    await workbench.page.keyboard.press("Enter");
    await workbench.page.locator(".suggest-widget.visible").waitFor({ state: "hidden" });
  }
  await workbench.page.keyboard.press("Enter");
}

/** Waits until inline chat says that below its input. */
export async function inlineSays(workbench, pattern) {
  const chat = workbench.page.locator(".inline-chat");
  await until(`inline chat says ${pattern}`, async () =>
    pattern.test((await chat.innerText()).replaceAll("\u00a0", " ")),
  );
}

/** Waits until inline chat is closed. */
export async function inlineClosed(workbench) {
  await workbench.page.locator(".inline-chat").waitFor({ state: "hidden" });
}
