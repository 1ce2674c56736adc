/**
 * One IDE with one window in Chromium, for many trials, and what trials check in it: the whole text
 * of a document as the user has it, its backup, and whether the extension answers.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Browser } from "../support/browser.mjs";
import { Ide } from "../support/ide.mjs";
import { processesOf } from "../support/processes.mjs";
import { until } from "../support/wait.mjs";
import { READY, Workbench } from "../support/workbench.mjs";

const MOD = process.platform === "darwin" ? "Meta" : "Control";

/** Turns off everything that types by itself, so that the text is exactly what was typed. */
export const QUIET = {
  "editor.quickSuggestions": { other: "off", comments: "off", strings: "off" },
  "files.autoSave": "off",
  "window.confirmBeforeClose": "never",
};

/** Writes the editor's own user settings in a private installation. */
export function writeSettings(home, values) {
  const folder = join(home, "editor/user/User");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "settings.json"), JSON.stringify(values));
}

/** A text that no earlier trial has typed. */
export function marker(trial) {
  return `trial ${trial} ${Math.random().toString(36).slice(2)}`;
}

/** An IDE with a window for many trials. */
export class Bench {
  /** @type {Ide} */
  ide;
  /** @type {string} */
  url;
  /** @type {Browser} */
  browser;
  /** @type {Workbench} */
  workbench;
  /** A second window, if a trial needs one. @type {Workbench | undefined} */
  other;
  /** The id of the process that runs the model, if a trial needs it. @type {number | undefined} */
  worker;
  /** The expected content of the document as the user sees it, and of its file. */
  expected = "";
  saved = "";

  static async open() {
    const bench = new Bench();
    bench.ide = new Ide();
    writeSettings(bench.ide.home, QUIET);
    try {
      bench.url = await bench.ide.start();
      bench.browser = await Browser.open();
      bench.workbench = await bench.window();
    } catch (error) {
      await bench.close().catch(() => undefined);
      throw error;
    }
    return bench;
  }

  /** Opens one more window, at the address that was printed or at another. */
  async window(address) {
    const workbench = new Workbench(await this.browser.page());
    const first = this.browser.context.pages().length === 1;
    const url = address ?? (first ? this.url : await this.ide.address());
    await workbench.open(url, { first });
    return workbench;
  }

  /** The process of this installation whose command line matches; `undefined` if there is none. */
  process(pattern) {
    return processesOf(this.ide.home).find(({ command }) => pattern.test(command))?.pid;
  }

  /** The whole text of the file, from the editor itself. */
  async text(name) {
    await this.workbench.openFile(name);
    return await this.openText();
  }

  /** The whole text of the file that has the focus, by way of the clipboard. */
  async openText() {
    await this.page.evaluate(() => navigator.clipboard.writeText(""));
    const copied = await until("the text is copied", async () => {
      await this.workbench.press(`${MOD}+KeyA`);
      await this.workbench.press(`${MOD}+KeyC`);
      return await this.page.evaluate(() => navigator.clipboard.readText());
    });
    await this.workbench.press(`${MOD}+End`);
    return copied;
  }

  /** Waits until a command of the extension answers, which shows that the extension is running. */
  async extensionAnswers() {
    await this.workbench.status(READY);
    await until("a command of the extension answers", async () => {
      // Opens a picker, because that needs no model and leaves nothing behind.
      await this.workbench.ask("LocalCoder: Switch Profile");
      const told = this.workbench.entry(/^fast/u);
      return await Promise.race([told, this.page.waitForTimeout(3_000)]);
    });
    await this.workbench.press("Escape");
  }

  /** Saves a screenshot of how a trial ended. */
  async photograph(name) {
    await this.workbench.photograph(`faults-${name.replaceAll(/\W+/gu, "-")}`);
  }

  get page() {
    return this.workbench.page;
  }

  async close() {
    await this.browser?.close();
    await this.ide.stop();
  }
}

/**
 * Runs trials on one IDE after the other, `each` of them on one; a failed trial is followed by a
 * fresh IDE. `open` returns a bench, `trial(bench, number, note)` the seconds that it took.
 */
export async function onBenches(trials, times, { each, open, trial }) {
  let bench;
  let left = 0;
  try {
    for (let number = 1; number <= times; number += 1) {
      if (left === 0) {
        await bench?.close();
        bench = undefined;
        bench = await open();
        left = each;
      }
      left -= 1;
      const turn = each - left;
      const well = await trials.run((note) => trial(bench, { number, turn, note }));
      if (!well) {
        await bench.photograph?.(`${trials.kind} ${number}`).catch(() => undefined);
        left = 0;
      }
    }
  } finally {
    // An IDE that has just failed may well fail to close too, which is not news.
    await bench?.close().catch((error) => {
      process.stderr.write(`${error.message}\n`);
    });
  }
}
