/** Suggestions at the cursor as their user sees them. */

/** What a user has set who wants them; stories have them off otherwise. */
export const ON = { "editor.inlineSuggest.enabled": true };

/** What is suggested now, with the blanks that a line shows otherwise. */
export async function suggested(workbench) {
  const parts = workbench.page.locator(
    ".editor-instance .ghost-text, .editor-instance .ghost-text-decoration",
  );
  return (await parts.allInnerTexts()).join("").replaceAll("\u00a0", " ").replaceAll("\u00b7", " ");
}
