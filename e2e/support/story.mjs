/**
 * A user story: a fresh installation and a fresh browser, the story, and then the checks that apply
 * to all: no request left this machine, our extension caused no error, no process is left. A failed
 * story leaves a trace, screenshots and logs in `target/e2e/NAME/`.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Browser } from "./browser.mjs";
import { Ide } from "./ide.mjs";
import { ARTIFACTS } from "./places.mjs";
import { STORY_MS } from "./wait.mjs";
import { Workbench } from "./workbench.mjs";

/**
 * Declares a story. `tell` gets `ide` (processes and files), `workbench` (a window that is ready),
 * `another()` (one more window of the same IDE), `browser`, `url` (the address that opened the
 * window) and `name` (for its screenshot). `language`: the display language of the editor.
 * `status`: what the status bar says when the window is ready, if there is no model.
 *
 * @param {string} title
 * @param {(tools: any) => Promise<void>} tell
 * @param {{ ide?: Record<string, any>, language?: string, status?: RegExp }} [options]
 */
export function story(title, tell, { ide: options = {}, language, status } = {}) {
  const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/gu, "-");
  test(title, { timeout: STORY_MS }, async (context) => {
    const folder = join(ARTIFACTS, name);
    rmSync(folder, { recursive: true, force: true });
    const ide = new Ide(options);
    /** @type {Browser | undefined} */
    let browser;
    const problems = [];
    try {
      const url = await ide.start();
      const opened = await Browser.open({ language });
      browser = opened;
      const another = async () => {
        const workbench = new Workbench(await opened.page());
        const first = opened.context.pages().length === 1;
        // The one-time notice would be hidden under a question or under the set-up; it is left
        // there.
        const told = first && !ide.isAsked && options.firstStart !== true && status === undefined;
        const how = { first: told, ...(status !== undefined && { status }) };
        await workbench.open(first ? url : await ide.address(), how);
        return workbench;
      };
      await tell({ ide, browser, url, workbench: await another(), another, name });
      assert.deepEqual(browser.foreign, [], "requests that leave this machine");
      assert.deepEqual(browser.ours, [], "console errors of our extension");
    } catch (error) {
      problems.push(error);
      await keep(folder, ide, browser);
    }
    for (const line of browser?.errors ?? []) {
      context.diagnostic(`page console: ${line.slice(0, 300)}`);
    }
    const close = async () => {
      await browser?.close();
      assert.deepEqual(browser?.foreign ?? [], [], "what pages had looked up or sent");
    };
    for (const end of [close, () => ide.stop()]) {
      await Promise.resolve()
        .then(end)
        .catch((error) => problems.push(error));
    }
    if (problems.length > 1) {
      throw new AggregateError(problems, problems.map((problem) => problem.message).join("\n"));
    }
    if (problems.length === 1) {
      throw problems[0];
    }
  });
}

/** Saves what helps to find the cause of a failure. */
async function keep(folder, ide, browser) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "launcher.log"), redact(ide.output));
  for (const log of ["host.log", "editor-server.log"]) {
    writeFileSync(join(folder, log), ide.log(log));
  }
  writeFileSync(join(folder, "console.log"), redact(browser?.console ?? ""));
  for (const [index, page] of (browser?.context.pages() ?? []).entries()) {
    const path = join(folder, `page-${index + 1}.png`);
    await page.screenshot({ path, timeout: 10_000 }).catch(() => undefined);
  }
  await browser?.keepTrace(join(folder, "trace.zip")).catch(() => undefined);
}

function redact(text) {
  return text.replaceAll(/ticket=[0-9a-f]+/gu, "ticket=[ticket]");
}
