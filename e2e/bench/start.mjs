/**
 * Measures how long a start takes, from the command to a workbench that takes keys, in a browser:
 * the first start of an installation, and later ones with files open. `--marks` shows what the page
 * did meanwhile.
 *
 *     node bench/start.mjs --times 5
 */
import { parseArgs } from "node:util";

import { Browser } from "../support/browser.mjs";
import { Ide } from "../support/ide.mjs";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "5" },
    marks: { type: "boolean", default: false },
  },
});

/** Performance marks of the page that divide a start into parts. */
const PARTS = [
  "code/willLoadWorkbenchMain",
  "code/didLoadWorkbenchMain",
  "code/willStartWorkbench",
  "code/didStartWorkbench",
  "code/willConnectRemoteAgent/management",
  "code/willLoadExtensions",
  "code/didLoadExtensions",
  "code/LifecyclePhase/Restored",
  "code/LifecyclePhase/Eventually",
];

/** Seconds from the command to each visible step. */
async function start(ide, browser) {
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  const seen = {};
  const address = await ide.start();
  seen.address = since();
  const page = await browser.page();
  await page.goto(address, { waitUntil: "commit" });
  seen.page = since();
  await page.locator(".monaco-workbench .part.statusbar").waitFor();
  seen.workbench = since();
  const file = page.getByRole("treeitem", { name: "inventory.py" });
  await file.waitFor();
  seen.files = since();
  const line = page.locator(".monaco-editor .view-line").filter({ hasText: "def" }).first();
  if (!(await line.isVisible())) {
    await file.dblclick();
  }
  await line.waitFor();
  await line.click();
  await page.keyboard.type("q");
  await page.locator(".monaco-editor .view-line").filter({ hasText: "q" }).first().waitFor();
  seen.key = since();
  await page.keyboard.press("ControlOrMeta+z");
  await page.locator('[id="localcoder.localcoder.localcoder.status"]').waitFor();
  seen.ours = since();
  const marks = await page.evaluate(() =>
    performance.getEntriesByType("mark").map(({ name, startTime }) => [name, startTime]),
  );
  await page.close();
  await ide.end();
  return { seen, marks: values.marks ? marks.filter(([name]) => PARTS.includes(name)) : [] };
}

const ide = new Ide();
const browser = await Browser.open();
try {
  for (let time = 0; time < Number(values.times); time++) {
    const { seen, marks } = await start(ide, browser);
    const parts = Object.entries(seen).map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`);
    console.log(`${time === 0 ? "first" : "again"}: ${parts.join(", ")} s`);
    for (const [name, at] of marks) {
      console.log(`    ${(at / 1000).toFixed(2)} ${name}`);
    }
  }
} finally {
  await browser.close();
  await ide.stop();
}
