/**
 * Stories of the first impression: the welcome page is ours, and each step's button does what it
 * says.
 */
import assert from "node:assert/strict";

import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { READY } from "./support/workbench.mjs";

const FILE = "inventory.py";
const PAGE = ".gettingStartedContainer";

/** Opens the welcome page, which begins with our walkthrough. */
async function openWalkthrough(workbench) {
  await workbench.command("Help: Welcome");
  const title = workbench.page.locator(`${PAGE} .gettingStartedDetailsContent .category-title`);
  await title.filter({ hasText: "Get started with LocalCoder" }).waitFor();
  await workbench.page.locator(`${PAGE} .getting-started-step`).first().waitFor();
}

/** Opens a step of the walkthrough, and returns it. */
async function step(workbench, title) {
  const found = workbench.page.locator(`${PAGE} .getting-started-step`).filter({ hasText: title });
  await until(`the step “${title}” is open`, async () => {
    if ((await found.getAttribute("class"))?.includes("expanded")) {
      return true;
    }
    await found.click({ timeout: 2_000 });
    return false;
  });
  return found;
}

async function press(workbench, title, button) {
  const found = await step(workbench, title);
  await found.getByRole("button", { name: button, exact: true }).click();
}

/**
 * Presses a button until its picker has an entry whose label matches: on a busy machine a step that was opened takes
 * the focus late, and a picker that loses the focus closes.
 */
async function pick(workbench, title, button, label) {
  const entry = workbench.page.locator(`.quick-input-list .monaco-list-row[aria-label${label}]`);
  await until(`the picker of “${button}” is open`, async () => {
    await press(workbench, title, button);
    const shown = entry.first().waitFor({ timeout: 5_000 });
    return await shown.then(
      () => true,
      () => false,
    );
  });
  await workbench.press("Escape");
  await workbench.askedNoMore();
}

/** Returns to the walkthrough, whose tab is still open. */
async function back(workbench) {
  await workbench.openTab(/^(Welcome|Walkthrough: .*)/u);
}

story("the welcome page is ours, in light and in dark", async ({ workbench, name }) => {
  await openWalkthrough(workbench);
  // Makes room for the picture of the step.
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  await workbench.part("sidebar", "hidden");
  await workbench.photograph(name);
  const page = workbench.page.locator(PAGE);
  await page.locator(".prev-button").click();
  const titles = page.locator(".gettingStartedSlideCategories .category-title:visible");
  await titles.first().waitFor();
  assert.deepEqual(await titles.allInnerTexts(), ["Get started with LocalCoder"]);
  const words = (await page.locator(".gettingStartedSlideCategories").innerText()).replaceAll(
    "\u00a0",
    " ",
  );
  assert.match(words, /Your code stays on your machine/u);
  assert.match(words, /Open Folder…|Open Folder\.\.\./u);
  assert.doesNotMatch(words, /VS Code|Copilot|Sign in|Marketplace|Remote|Tunnel/iu);
  await workbench.photograph(`${name}-page`);
  await titles.first().click();
  for (const theme of ["Dark Modern", "Dark High Contrast"]) {
    await workbench.ask("Preferences: Color Theme");
    await workbench.entry(/^Dark Modern/u);
    // Types the name, because the list is longer than what fits on the page.
    await workbench.type(theme);
    await workbench.take(theme);
    await workbench.photograph(`${name}-${theme.toLowerCase().replaceAll(" ", "-")}`);
  }
});

story("each step of the walkthrough does what its button says", async (tools) => {
  const { ide, workbench, name } = tools;
  const before = ide.read(FILE);
  await openWalkthrough(workbench);
  await press(workbench, "Improve a function", "Improve a Function");
  await workbench.diff(FILE);
  await workbench.press("Escape");
  await workbench.noDiff();
  assert.equal(ide.read(FILE), before);

  await back(workbench);
  await press(workbench, "Have code explained", "Explain a Function");
  await workbench.explanationPhase("done");
  assert.equal(await workbench.explanationPart("target").innerText(), `${FILE}, lines 18–22`);
  await workbench.photograph(`${name}-explained`);

  await back(workbench);
  await press(workbench, "Say what is to change", "Improve with Instruction");
  await workbench.page.locator(".quick-input-widget .quick-input-box input").waitFor();
  await workbench.selected(/^Ln 15,/u);
  await workbench.press("Escape");
  await workbench.askedNoMore();

  await back(workbench);
  await pick(workbench, "Choose a real model", "Switch Model…", '*="demo" i');
  await back(workbench);
  await press(workbench, "Choose a real model", "Show Models");
  await workbench.model("LocalCoder demo");

  for (const [title, button, shows] of [
    ["Learn the keys", "Show Keyboard Shortcuts", ".keybindings-editor"],
    ["Make it yours", "Open Settings", ".settings-editor"],
  ]) {
    await back(workbench);
    const shown = await step(workbench, title);
    await shown.waitFor();
    await workbench.photograph(`${name}-${title.toLowerCase().replaceAll(" ", "-")}`);
    await press(workbench, title, button);
    const editor = workbench.page.locator(shows);
    await editor.waitFor();
    // Its page covers the walkthrough.
    await until(`${title}: its page is closed`, async () => {
      await workbench.press("Escape");
      return await editor.waitFor({ state: "hidden", timeout: 3_000 }).then(
        () => true,
        () => false,
      );
    });
  }
  await back(workbench);
  await pick(workbench, "Find help", "Show Help", '^="First edit"');
  await workbench.status(READY);
});

story("in another folder the walkthrough brings the sample along", async ({ ide, workbench }) => {
  ide.write(FILE, "# another one\nprint(1)\n");
  await openWalkthrough(workbench);
  await press(workbench, "Improve a function", "Improve a Function");
  await workbench.diff(FILE);
  await workbench.press("Control+Enter");
  await workbench.noDiff();
  assert.equal(ide.read(FILE), "# another one\nprint(1)\n");
});
