/**
 * Stories of a stranger's folder: whatever is in it, nothing gets out, neither in Restricted Mode
 * nor if the folder is trusted; and its notebooks and previews work all the same.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Browser } from "./support/browser.mjs";
import { goElsewhere, hostileExtension, makeHostile } from "./support/hostile.mjs";
import { Ide } from "./support/ide.mjs";
import { ARTIFACTS, SCREENSHOTS } from "./support/places.mjs";
import { Listener } from "./support/stranger.mjs";
import { offLoopback } from "./support/trace.mjs";
import { snapped, snapsWhereTrusted } from "./support/traps.mjs";
import { STORY_MS, until } from "./support/wait.mjs";
import { READY, Workbench } from "./support/workbench.mjs";

/** The front's own page, the editor, its workers, and the frames of webviews. */
const PAGES = [
  "extensionHostWorkerMain.js",
  "fake.html",
  "index.html",
  "open",
  "service-worker.js",
  "the editor",
  "webWorkerExtensionHostIframe.html",
];

/** The user's own settings; with trust turned off, all folders are trusted. */
const SETTINGS = {
  restricted: {},
  trusted: { "security.workspace.trust.enabled": false },
};

for (const [name, settings] of Object.entries(SETTINGS)) {
  test(`a hostile folder that is ${name} gets nothing out`, { timeout: STORY_MS }, async () => {
    mkdirSync(ARTIFACTS, { recursive: true });
    const trace = join(ARTIFACTS, `hostile-${name}.txt`);
    const ide = new Ide({ trace });
    ide.editorSettings(settings);
    const listener = await Listener.open();
    const marks = join(ide.home, "marks");
    makeHostile(ide.folder, listener.port, marks);
    for (const [path, content] of Object.entries(hostileExtension(listener.port))) {
      ide.install(path, content);
    }
    const browser = await Browser.open();
    let closed = false;
    let workbench;
    try {
      workbench = new Workbench(await browser.page());
      await workbench.open(await ide.start(), { first: true });
      await preview(workbench);
      await hover(workbench);
      await schemas(workbench);
      await files(workbench, name);
      await extensionPages(workbench);
      await notebook(workbench, name, listener.port);
      await workbench.openPreview("AWAY.md");
      mkdirSync(SCREENSHOTS, { recursive: true });
      await workbench.photograph(`hostile-${name}`);
      const expected = name === "trusted" ? snapsWhereTrusted() : [];
      const missing = () => expected.filter((it) => !snapped(marks).includes(it));
      await until("what may run has run", () => missing().length === 0).catch(() => undefined);
      // By now the folder's settings have been read, and the model is still the user's.
      await workbench.status(READY);
      assert.deepEqual(snapped(marks), expected, "what the folder had run");
      assert.deepEqual(
        PAGES.filter((page) => !browser.policies.has(page)),
        [],
        "pages that were not seen",
      );
      assert.deepEqual(browser.policyProblems, []);
      await browser.close();
      closed = true;
      assert.deepEqual(listener.heard, [], "what reached another program");
      assert.equal(listener.connections, 0, "connections to another program");
      assert.equal(listener.datagrams, 0, "datagrams to another program");
      assert.deepEqual(browser.foreign, [], "requests that would leave this machine");
      assert.deepEqual(offLoopback(readFileSync(trace, "utf8"), listener.port), []);
    } finally {
      if (!closed) {
        await workbench?.photograph(`hostile-${name}-failed`).catch(() => undefined);
        await browser.close();
      }
      await listener.close();
      await ide.stop();
    }
  });
}

/** Pictures, and files for which language servers and checkers of the folder's choice start. */
async function files(workbench, name) {
  await workbench.openPreview("picture.svg");
  await workbench.webview("body.image, .image-preview, img.scale-to-fit");
  for (const file of ["trap.php", "trap.ts", "data.yaml"]) {
    await workbench.openFile(file);
  }
  if (name === "trusted") {
    await workbench.command("Terminal: Create New Terminal");
  }
}

/** What one of the user's extensions says of itself, and a page of its own without any policy. */
async function extensionPages(workbench) {
  await workbench.command("Hostile: Show Page");
  await workbench.webview("h1:has-text('Page without a policy')");
  await workbench.command("Hostile: Show Extension");
  await workbench.webview("h1:has-text('Read me of an extension')");
}

/** The folder's settings open Markdown files as previews. */
async function preview(workbench) {
  await workbench.openPreview("PICTURES.md");
  await workbench.webview("h1:has-text('Pictures')");
}

async function hover(workbench) {
  await workbench.openFile("package.json");
  await workbench.shows(/left-pad/u);
  await workbench.goTo(5);
  for (let step = 0; step < 8; step += 1) {
    await workbench.press("ArrowRight");
  }
  // The hover describes a package without having asked a registry.
  const says = workbench.page.locator(".monaco-hover:not(.hidden) .hover-contents");
  await until("something is said of the package", async () => {
    await workbench.press("Control+KeyK");
    await workbench.press("Control+KeyI");
    return await until("it is shown", async () => (await says.count()) > 0, { seconds: 30 });
  });
  await workbench.press("Escape");
}

async function schemas(workbench) {
  await workbench.openFile("data.json");
  await workbench.shows(/schema/u);
  // Once the language server knows the file's symbols, it has analyzed it.
  await workbench.page.locator(".breadcrumbs-control").waitFor();
  await until("the file's symbols are there", async () => {
    await workbench.press("Control+Shift+KeyO");
    const rows = await workbench.page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
    await workbench.press("Escape");
    return rows.some((row) => row.includes("$schema"));
  });
}

/** In a trusted folder the notebook's scripts run, and report what they were able to do. */
async function notebook(workbench, name, port) {
  await workbench.openNotebook("leak.ipynb");
  // Further down are outputs of other kinds, and a Markdown cell.
  await workbench.press("Control+End");
  await workbench.webview("h1:has-text('Cell')");
  await workbench.press("Control+Home");
  if (name === "restricted") {
    return;
  }
  const page = await workbench.webview("#tried");
  const tried = await until("the notebook's scripts have tried everything", async () => {
    const text = await page.locator("#tried").innerText();
    return text !== "not yet" && JSON.parse(text);
  });
  for (const [what, outcome] of Object.entries(tried)) {
    const harmless =
      outcome.startsWith("refused") ||
      ["own cookie"].includes(what) ||
      // These raise no error if the policy blocks them.
      ["beacon", "window", "top", "hints", "hints of names"].includes(what) ||
      outcome === "true";
    assert.ok(harmless, `${what}: ${outcome}`);
  }
  assert.equal(tried["own cookie"], "");
  await page.evaluate(goElsewhere, port).catch(() => undefined);
  // The policy blocks the navigation; the page is gone all the same.
  await until("the page is gone", () => !page.url().includes("fake.html"));
}
