/** A story of a user whose language is not English: every one of our texts is translated. */
import assert from "node:assert/strict";
import { after } from "node:test";

import {
  marked,
  PSEUDO,
  pseudoIde,
  readable,
  removePseudoIde,
  strings,
  unmarked,
} from "./support/pseudo.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

after(removePseudoIde);

/** What the programs say, which is in English: models, profiles, what fits, what is where. */
async function said(ide) {
  const words = [["models", "list"], ["setup"], ["status"]];
  const answers = [];
  for (const command of words) {
    answers.push(...strings(JSON.parse(await ide.localcoder(...command, "--json"))));
  }
  // Shorter ones would excuse parts of any word.
  return answers.filter((text) => text.length > 3 || /^[A-Z]/u.test(text));
}

story(
  "a translation reaches all words of an edit, the status bar, the models and the set-up",
  async ({ ide, workbench, name }) => {
    const { page } = workbench;
    const known = [...(await said(ide)), "LocalCoder", "llama.cpp", "inventory.py"];

    const details = (await workbench.statusDetails("⟦")).split("\n");
    assert.ok(details.length > 5, details.join(" | "));
    assert.deepEqual(unmarked(details, known), [], "the status bar");

    await workbench.openFile("inventory.py");
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.improve);
    const tab = page.getByRole("tab", { name: /^⟦Improve inventory\.py \(⟦lines 4–8⟧\)⟧/u });
    await tab.waitFor();
    for (const button of ["Apply Improvement", "Discard Improvement"]) {
      await workbench.button(marked(button)).waitFor();
    }
    await until("what the model was given is reported", async () =>
      /⟦(?:Tokens|Not shown to the model): .*⟧/u.test(await workbench.words("statusbar")),
    );
    await workbench.photograph(`${name}-edit`);
    await workbench.press(KEYS.apply);
    await until("what was applied is reported", async () =>
      /⟦Improved ⟦lines? [\d–]+⟧ of inventory\.py⟧/u.test(await workbench.words("statusbar")),
    );

    await workbench.command(`LocalCoder: ${marked("Manage Models")}`);
    const manager = await workbench.webview('[data-testid="manager"]');
    await manager.locator('[data-testid="model-demo"]').waitFor();
    await workbench.photograph(`${name}-models`);
    const shown = await readable(manager);
    assert.ok(shown.includes(marked("Filter by name, role or license")), shown.join(" | "));
    assert.deepEqual(unmarked(shown, known), [], "the page of models");
    assert.equal(await manager.locator("html").getAttribute("lang"), PSEUDO);

    await workbench.command(`LocalCoder: ${marked("Set Up")}`);
    const setup = await workbench.webview('[data-testid="setup"]');
    await setup.getByTestId("setup-machine").waitFor();
    await workbench.photograph(`${name}-setup`);
    const page2 = await readable(setup);
    assert.ok(page2.includes(marked("Set up LocalCoder")), page2.join(" | "));
    assert.deepEqual(unmarked(page2, known), [], "the set-up");

    await workbench.ask(`LocalCoder: ${marked("Show Menu")}`);
    const entries = page.locator(".quick-input-list .monaco-list-row");
    await until("the menu is shown", async () => (await entries.count()) > 8);
    assert.deepEqual(unmarked(await entries.allInnerTexts(), known), [], "the menu");
    await workbench.press("Escape");
  },
  { language: PSEUDO, ide: { assembled: pseudoIde } },
);
