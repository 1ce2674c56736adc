/** Stories of help: pages inside the product, the entry of an error, and the reset. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { processesOf } from "./support/processes.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";

/** The frame of the Markdown preview with that heading. */
async function preview(workbench, heading) {
  return await until(`a preview has “${heading}”`, async () => {
    for (const frame of workbench.page.frames()) {
      const found = frame.locator("h1, h2", { hasText: heading });
      if ((await found.count().catch(() => 0)) > 0) {
        return frame;
      }
    }
  });
}

story("help is read in the product, and its links work", async ({ workbench, name }) => {
  await workbench.choose("LocalCoder: Show Help", "First edit");
  const guide = await preview(workbench, "First edit");
  await workbench.photograph(name);
  await guide.getByRole("link", { name: "answerUnusable" }).click();
  const errors = await preview(workbench, "Error codes");
  // The link leads to the entry, far down on its page.
  const entry = errors.locator("h2", { hasText: /^answerUnusable$/u });
  await until("the entry is in view", async () => {
    const box = await entry.boundingBox();
    return box !== null && box.y > 0 && box.y < 800;
  });
});

story("an error's button opens its entry", async ({ ide, workbench, name }) => {
  ide.set("codeModel", join(ide.home, "not-there.gguf"));
  await workbench.openFile("inventory.py");
  await workbench.selectLines(4, 8);
  await workbench.press("Control+Alt+KeyI");
  const text = /not-there\.gguf/u;
  await workbench.notification(text);
  await workbench.notificationButton(text, "Show Models");
  await workbench.photograph(`${name}-notification`);
  await workbench.clickNotification(text, "Learn More");
  const page = await preview(workbench, "Error codes");
  const entry = page.locator("h2", { hasText: /^modelNotFound$/u });
  await until("the entry is in view", async () => {
    const box = await entry.boundingBox();
    return box !== null && box.y > 0 && box.y < 800;
  });
  await workbench.photograph(name);
});

story("a reset says what goes, asks, and closes the IDE", async ({ ide, workbench, name }) => {
  ide.set("contextWindow", "2048");
  await workbench.choose("LocalCoder: Reset…", "Reset");
  const asked = await workbench.dialog();
  for (const part of ["Goes:", join(ide.home, "settings.json"), join(ide.home, "editor")]) {
    assert.ok(asked.includes(part), `${part} in: ${asked}`);
  }
  await workbench.photograph(name);
  await workbench.answer("Cancel");
  await workbench.noDialog();
  assert.ok(existsSync(join(ide.home, "settings.json")));

  await workbench.choose("LocalCoder: Reset…", "Reset");
  await workbench.answer("Remove and Close");
  await until("nothing runs any more", () => processesOf(ide.home).length === 0);
  const left = readdirSync(ide.home, { recursive: true, encoding: "utf8" }).filter(
    (it) => !it.startsWith("models") && !it.startsWith("work"),
  );
  assert.deepEqual(left, [], "projects and models are all that is left");
});
