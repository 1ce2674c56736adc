/** Suggestions at the cursor, as users see them. */

/** The setting of users who want suggestions; stories have them off otherwise. */
export const ON = { "editor.inlineSuggest.enabled": true };

/** The current suggestion, with ordinary spaces in place of those that the editor renders. */
export async function suggested(workbench) {
  const parts = workbench.page.locator(
    ".editor-instance .ghost-text, .editor-instance .ghost-text-decoration",
  );
  return (await parts.allInnerTexts()).join("").replaceAll("\u00a0", " ").replaceAll("\u00b7", " ");
}
