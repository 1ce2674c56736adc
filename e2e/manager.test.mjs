/** The page of models: all of them side by side, and the actions on each, by keyboard and mouse. */
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";

import { assertAccessible } from "./support/axe.mjs";
import { FAST_MS, offerModel } from "./support/model-server.mjs";
import { DEMO_MODEL } from "./support/places.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";

const PAGE = '[data-testid="manager"]';
const SMALL = '[data-testid="model-small"]';

const { offer, catalog, sha256, close } = await offerModel();
after(close);

/** Opens the page, and returns its frame. */
async function manager(workbench) {
  await workbench.command("LocalCoder: Manage Models");
  const frame = await workbench.webview(PAGE);
  await frame.locator(SMALL).waitFor();
  return frame;
}

const by = (frame, id) => frame.locator(`[data-testid="manager-${id}"]`);
const cell = (frame, id, column) =>
  frame.locator(`[data-testid="model-${id}"] [data-column="${column}"]`);

/** Waits until a cell has that text; returns its whole text. */
async function says(frame, id, column, pattern) {
  return await until(`${column} of ${id} is ${pattern}`, async () => {
    const text = await cell(frame, id, column).innerText({ timeout: 1_000 });
    return pattern.test(text) ? text : undefined;
  });
}

/** The ids of the models that are shown. */
async function shown(frame) {
  const rows = await frame.locator("tbody tr").all();
  return await Promise.all(rows.map((row) => row.getAttribute("data-id")));
}

story(
  "all models stand side by side and are filtered",
  async ({ workbench, name }) => {
    const frame = await manager(workbench);
    const heads = await frame.locator("thead th").allInnerTexts();
    assert.equal(
      heads.join(" | "),
      "Model | State | Fits now | Tokens/s | Memory | Size | For | Quant. | License | Context",
    );
    const row = (id) => frame.locator(`[data-testid="model-${id}"]`).innerText();
    const seven = await row("qwen2.5-coder-7b");
    for (const part of ["Qwen2.5 Coder 7B Instruct", "4.7 GB", "Q4_K_M", "32,768", "≈ "]) {
      assert.ok(seven.includes(part), `${part} in: ${seven}`);
    }
    assert.match(seven, /code\s/u);
    assert.match(seven, /Apache License 2\.0/u);
    // What the demo model says of itself is only a claim.
    assert.match(await cell(frame, "demo", "license").getAttribute("title"), /not checked/u);

    const all = await shown(frame);
    await by(frame, "text").fill("llama general");
    await until("the filter has found them", async () => (await shown(frame)).length === 2);
    await by(frame, "text").fill("");
    await by(frame, "which").selectOption("installed");
    assert.deepEqual(await shown(frame), ["demo"]);
    await by(frame, "which").selectOption("available");
    assert.ok(!(await shown(frame)).includes("demo"));
    await by(frame, "which").selectOption("all");
    assert.deepEqual(await shown(frame), all);
    await by(frame, "fits").check();
    for (const id of await shown(frame)) {
      assert.match(await cell(frame, id, "fits").innerText(), /Yes|Loaded/u);
    }
    await by(frame, "fits").uncheck();

    await frame.locator('[data-testid="model-qwen2.5-coder-7b"]').click();
    const details = by(frame, "details");
    assert.match(await details.innerText(), /Speed\s+≈ [\d.]+ tokens\/s, an estimate/u);
    await assertAccessible(frame, PAGE);
    for (const theme of ["light", "dark"]) {
      await workbench.page.emulateMedia({ colorScheme: theme });
      await workbench.choose(
        "Preferences: Color Theme",
        theme === "light" ? "Light Modern" : "Dark Modern",
      );
      await frame.locator(`body.vscode-${theme}`).waitFor();
      await assertAccessible(frame, PAGE);
      for (const [width, height] of [
        [1280, 800],
        [1920, 1080],
      ]) {
        await workbench.page.setViewportSize({ width, height });
        // No part of the table is out of sight to the side.
        const overflow = await frame.locator("#table-box").evaluate((box) => {
          return box.scrollWidth - box.clientWidth;
        });
        assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
        await workbench.photograph(`${name}-${theme}-${width}`);
      }
    }
  },
  { ide: { catalog } },
);

story(
  "a model is installed with a pause, used and deleted on the page, all by keyboard",
  async ({ workbench, name }) => {
    const frame = await manager(workbench);
    const { page } = workbench;
    const press = (key) => page.keyboard.press(key);
    const focused = (what) =>
      until(`the focus is on ${what}`, async () =>
        frame.evaluate((selector) => document.activeElement?.matches(selector), what),
      );
    await by(frame, "text").fill("small 127.0.0.1");
    await by(frame, "text").focus();
    // Past the two filters to the row, and from there into its actions.
    for (const next of ['[data-testid="manager-which"]', '[data-testid="manager-fits"]', SMALL]) {
      await press("Tab");
      await focused(next);
    }
    await press("Enter");
    await focused('[data-testid="manager-install"]');
    await press("Enter");
    assert.match(await workbench.dialog(), /Install Small Model/u);
    await workbench.answer("Agree and Install");
    await says(frame, "small", "state", /^\d+ %/u);
    assert.match(await by(frame, "details").innerText(), / of [\d.]+ MB, .*\/s, .* left/u);
    await until("a screen reader hears of it", async () =>
      /Small Model: \d+ % downloaded/u.test(await by(frame, "downloads").innerText()),
    );
    await workbench.photograph(`${name}-loading`);
    await by(frame, "pause").focus();
    await press("Enter");
    await says(frame, "small", "state", /^Paused at \d+ %/u);
    assert.equal(await by(frame, "install").innerText(), "Resume");

    offer.pauseMs = FAST_MS;
    await by(frame, "install").focus();
    await press("Enter");
    await workbench.answer("Agree and Install");
    await workbench.notification(/Small Model is installed and verified/u);
    await workbench.closeNotifications();
    await says(frame, "small", "state", /^Installed/u);

    await by(frame, "use").focus();
    await press("Enter");
    await says(frame, "small", "state", /^For code|^In use/u);
    await workbench.status(/^LocalCoder: Small Model$/u);
    const facts = await by(frame, "facts").innerText();
    assert.ok(facts.includes(sha256), facts);
    assert.match(facts, /127\.0\.0\.1.*small\.gguf/u);
    assert.match(facts, /File\s+\/.*sha256-/u);
    await by(frame, "license").locator("summary").focus();
    await press("Enter");
    await until("the text of the license is shown", async () =>
      /TERMS AND CONDITIONS/u.test(await by(frame, "license-text").innerText()),
    );
    await assertAccessible(frame, PAGE);
    await workbench.photograph(`${name}-in-use`);

    await by(frame, "text").fill("");
    await frame.locator(SMALL).focus();
    await press("Home");
    await focused('[data-testid="model-demo"]');
    await press("ArrowDown");
    await focused(SMALL);
    await press("ArrowUp");
    await press("Enter");
    await focused('[data-testid="manager-use"]');
    await press("Enter");
    await says(frame, "demo", "state", /^For code|^In use/u);
    await frame.locator(SMALL).click();
    await by(frame, "useForGeneral").or(by(frame, "remove")).first().waitFor();
    await by(frame, "remove").click();
    await workbench.answer("Remove");
    await says(frame, "small", "state", /^Not installed/u);
  },
  { ide: { catalog } },
);

story(
  "a file that is dropped from the Explorer is imported, and is the model that its digest says",
  async ({ ide, workbench }) => {
    copyFileSync(DEMO_MODEL, join(ide.folder, "anything.gguf"));
    const frame = await manager(workbench);
    // As the Explorer passes it: the browser's own dragging gives a page nothing else about a file.
    const drop = async (kind, text) => {
      const data = await frame.evaluateHandle(
        ([kind, text]) => {
          const data = new DataTransfer();
          data.setData(kind, text);
          return data;
        },
        [kind, text],
      );
      await frame.locator("body").dispatchEvent("drop", { dataTransfer: data });
    };
    await drop("text/plain", "nothing of the kind");
    await workbench.notification(/comes without its place/u);
    await workbench.closeNotifications();
    await drop("text/uri-list", `file://${join(ide.folder, "anything.gguf")}`);
    assert.match(await workbench.dialog(), /Copy anything\.gguf into the store/u);
    await workbench.answer("Leave It Where It Is");
    await workbench.notification(/Small Model is installed and verified/u);
    await says(frame, "small", "state", /^Installed/u);
    await frame.locator(SMALL).click();
    const facts = await by(frame, "facts").innerText();
    assert.ok(facts.includes("anything.gguf") && facts.includes("yes: it is the file of"), facts);
  },
  { ide: { catalog } },
);

story(
  "a click on a model of the list opens the page at it",
  async ({ workbench, name }) => {
    await workbench.command("LocalCoder: Show Models");
    await (await workbench.modelRow("Small Model")).click();
    const frame = await workbench.webview(PAGE);
    await frame.locator(`${SMALL}[aria-selected="true"]`).waitFor();
    assert.equal(await frame.locator("#details-name").innerText(), "Small Model");
    await workbench.photograph(name);
  },
  { ide: { catalog } },
);
