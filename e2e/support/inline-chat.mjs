/** Inline chat as users see it: the editor's own box within the text. */
import { until } from "./wait.mjs";
import { KEYS } from "./workbench.mjs";

/** Opens inline chat on the selection, and sends a request. */
export async function askInline(workbench, words) {
  await workbench.page.keyboard.press(KEYS.inlineChat);
  await sayInline(workbench, words);
}

/** Sends a request in inline chat, which is open. */
export async function sayInline(workbench, words) {
  await workbench.page
    .locator(".inline-chat .interactive-input-editor .monaco-editor.focused")
    .waitFor();
  await workbench.page.keyboard.type(words);
  if (words.startsWith("/")) {
    // The first Enter only accepts the command from the list of completions.
    await workbench.page.locator(".suggest-widget.visible .monaco-list-row").first().waitFor();
    await workbench.page.keyboard.press("Enter");
    await workbench.page.locator(".suggest-widget.visible").waitFor({ state: "hidden" });
  }
  await workbench.page.keyboard.press("Enter");
}

/** Waits until inline chat shows that text below its input. */
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
