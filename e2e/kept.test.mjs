/**
 * Stories of what a page stores: it is there in the next run, although the page then has another
 * address and the browser has kept nothing.
 */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { folderOf, untilKept } from "./support/kept.mjs";
import { story } from "./support/story.mjs";
import { Workbench } from "./support/workbench.mjs";

const FILE = "inventory.py";
/** How many items a page puts into `localStorage` at once; the workbench puts a few. */
const ITEMS = 50;
const RESTRICTED = /Restricted Mode/u;
const TRUSTED = /You trust this folder/u;

/** The names under which the workbench stores whether a part of the window is hidden. */
const KEYS_OF = {
  sidebar: "workbench.sideBar.hidden",
  panel: "workbench.panel.hidden",
  auxiliarybar: "workbench.auxiliaryBar.hidden",
};

/** Ends the run; returns a window of the next one, in a browser that has kept nothing. */
async function nextRun({ ide, browser }, before) {
  const { hostname } = new URL(before.page.url());
  await browser.forget();
  await ide.end();
  const url = await ide.start();
  assert.notEqual(new URL(url).hostname, hostname);
  const workbench = new Workbench(await browser.page());
  await workbench.open(url, { first: false });
  return workbench;
}

story("the layout is that of the run before, and the page itself keeps nothing", async (tools) => {
  const { ide, workbench, name } = tools;
  await workbench.openFile(FILE);
  await workbench.part("sidebar", "visible");
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  await workbench.part("sidebar", "hidden");
  await untilKept(ide, KEYS_OF.sidebar, (value) => value === "true");
  await untilKept(ide, "memento/workbench.parts.editor", (value) => value.includes(FILE));
  // Writes as the workbench does, which reads the items while it starts. There are enough items
  // that they would not all arrive in order by chance.
  await workbench.page.evaluate((count) => {
    for (let number = 0; number < count; number += 1) {
      localStorage.setItem(`story.${number}`, "first");
      localStorage.setItem(`story.${number}`, "größe");
      localStorage.setItem(`story.${number}.gone`, "gone");
      localStorage.removeItem(`story.${number}.gone`);
    }
    localStorage.setItem("story.last", "last");
  }, ITEMS);
  await untilKept(ide, "story.last", (value) => value === "last");
  assert.deepEqual(await databases(workbench), []);

  const next = await nextRun(tools, workbench);
  await next.inFile(FILE);
  assert.deepEqual(await next.tabs(), [FILE]);
  await next.part("sidebar", "hidden");
  await next.photograph(name);
  const items = await next.page.evaluate(() => Object.entries(localStorage));
  const ours = new Map(items.filter(([key]) => key.startsWith("story.")));
  /** @type {[string, string][]} */
  const wanted = Array.from({ length: ITEMS }, (_, number) => [`story.${number}`, "größe"]);
  assert.deepEqual(ours, new Map([...wanted, ["story.last", "last"]]));
  assert.deepEqual(await databases(next), []);

  assert.equal(modeOf(folderOf(ide)), "700");
  const files = readdirSync(folderOf(ide));
  assert.ok(files.length > 1, files.join(", "));
  for (const file of files) {
    assert.equal(modeOf(join(folderOf(ide), file)), "600", file);
  }
});

/** What the browser itself stores for the page. */
async function databases(workbench) {
  return await workbench.page.evaluate(() => indexedDB.databases());
}

function modeOf(path) {
  return (statSync(path).mode & 0o777).toString(8);
}

story("a folder that was trusted is trusted in the next run", async (tools) => {
  const { ide, workbench, name } = tools;
  await workbench.openTrust(RESTRICTED);
  await workbench.trustFolder();
  await workbench.trustSays(TRUSTED);
  await untilKept(ide, "content.trust.model.key", (value) => value.includes(ide.folder));

  const next = await nextRun(tools, workbench);
  await next.openTrust(TRUSTED);
  await next.photograph(name);
});

story("two windows at once don't undo what the other one keeps", async (tools) => {
  const { ide, workbench, another, name } = tools;
  // Once these are stored, the first window does not write on its own what its user has not chosen.
  await untilKept(ide, KEYS_OF.sidebar, (value) => value === "false");
  await untilKept(ide, KEYS_OF.panel, (value) => value === "true");
  await untilKept(ide, KEYS_OF.auxiliarybar, (value) => value === "true");
  const other = await another();
  // Alternately in both windows, because a window that wrote everything it knows would undo what
  // the other one did before.
  await toggle(ide, workbench, "Primary Side Bar", { part: "sidebar", hidden: true });
  await toggle(ide, other, "Panel", { part: "panel", hidden: false });
  await toggle(ide, workbench, "Secondary Side Bar", { part: "auxiliarybar", hidden: false });
  await other.part("sidebar", "visible");
  await workbench.part("panel", "hidden");

  const next = await nextRun(tools, workbench);
  await next.part("sidebar", "hidden");
  await next.part("panel", "visible");
  await next.part("auxiliarybar", "visible");
  await next.photograph(name);
});

/** Shows or hides a part of the window; returns once that is stored. */
async function toggle(ide, window, title, { part, hidden }) {
  await window.page.bringToFront();
  await window.command(`View: Toggle ${title} Visibility`);
  await window.part(part, hidden ? "hidden" : "visible");
  await untilKept(ide, KEYS_OF[part], (value) => value === String(hidden));
}
