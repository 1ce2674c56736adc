/**
 * Changes documents while an improvement of them is under way. Whatever comes of it, the text is
 * what the user made it, and contains an edit only if the edit was accepted and the lines that it
 * replaces were unchanged.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { SAMPLE } from "../support/places.mjs";
import { signal } from "../support/processes.mjs";
import { linesOf } from "../support/python.mjs";
import { rest, until } from "../support/wait.mjs";
import { KEYS } from "../support/workbench.mjs";
import { Bench, marker, onBenches } from "./bench.mjs";
import { Lost, lost } from "./result.mjs";

const ORIGINAL = readFileSync(join(SAMPLE, "inventory.py"), "utf8");
/** The function that is improved. */
const FIRST = 4;
const LAST = 8;
/** How long the worker computes before something happens to the document, in milliseconds. */
const STEP_MS = 1;
/**
 * How many trials run on one IDE. A window no longer sees what happens after its folder was
 * removed.
 */
const TRIALS = 20;
const TRIALS_WITHOUT_FOLDER = 1;
/** How long to wait for the outcome, in seconds. */
const OUTCOME_S = 30;

/**
 * What happens to the document in the middle of the answer. Each function returns the expected text
 * of the user afterwards: `editor` (`undefined` if it is not open) and `disk` (`undefined` if there
 * is no file). `follows`: whether an accepted edit applies in the editor; if not, it must be
 * refused. `saves`: whether it must then be saved to disk; if not, it must not be.
 */
export const DOCUMENT_KINDS = {
  edited: async (trial) => {
    // Alternately inside the selection, where the edit must be refused, and above it, where the
    // edit follows.
    const inside = trial.number % 2 === 1;
    await trial.workbench.goTo(inside ? LAST - 1 : 2);
    await trial.workbench.press("End");
    const typed = `# ${marker(trial.number)}`;
    await trial.workbench.type(typed);
    const { end } = linesOf(ORIGINAL, 1, inside ? LAST - 1 : 2);
    const editor = ORIGINAL.slice(0, end) + typed + ORIGINAL.slice(end);
    return { editor, disk: ORIGINAL, follows: !inside };
  },
  closed: async (trial) => {
    await trial.workbench.command("View: Close Editor");
    return { disk: ORIGINAL, saves: true };
  },
  "deleted or renamed": async (trial) => {
    if (trial.number % 2 === 1) {
      unlinkSync(trial.path);
      return {};
    }
    const renamed = `${trial.path}.renamed`;
    renameSync(trial.path, renamed);
    return { moved: renamed };
  },
  "read-only": async (trial) => {
    protect(trial.path);
    trial.release = () => {
      unprotect(trial.path);
      delete trial.release;
    };
    return { editor: ORIGINAL, disk: ORIGINAL, follows: true };
  },
  "folder removed": async (trial) => {
    await trial.workbench.goTo(2);
    const typed = `# ${marker(trial.number)}`;
    await trial.workbench.type(typed);
    const { start } = linesOf(ORIGINAL, 2, 2);
    rmSync(trial.bench.ide.folder, { recursive: true });
    return { editor: ORIGINAL.slice(0, start) + typed + ORIGINAL.slice(start), follows: true };
  },
  "second window": async (trial) => {
    const other = trial.bench.other;
    await openFromExplorer(other, trial.name);
    await other.goTo(LAST - 1);
    await other.press("End");
    const typed = `# ${marker(trial.number)}`;
    await other.type(typed);
    await other.press(KEYS.save);
    await other.saved();
    const { end } = linesOf(ORIGINAL, 1, LAST - 1);
    const text = ORIGINAL.slice(0, end) + typed + ORIGINAL.slice(end);
    return { editor: text, disk: text };
  },
};

/** Runs the trials of all kinds; `all` is in the order of the kinds. */
export async function changeDocuments(all, times) {
  const kinds = Object.entries(DOCUMENT_KINDS);
  for (const [index, trials] of all.entries()) {
    const [kind, change] = kinds[index];
    const each = kind === "folder removed" ? TRIALS_WITHOUT_FOLDER : TRIALS;
    const trial = (bench, about) => documentTrial(bench, change, about);
    await onBenches(trials, times, { each, open, trial });
  }
}

async function open() {
  const bench = await Bench.open();
  try {
    bench.other = await bench.window();
    bench.worker = await bench.ide.readyWorker();
  } catch (error) {
    await bench.close().catch(() => undefined);
    throw error;
  }
  return bench;
}

async function documentTrial(bench, change, { number }) {
  const name = `stock${number}.py`;
  const path = join(bench.ide.folder, name);
  const trial = { bench, workbench: bench.workbench, number, name, path };
  writeFileSync(path, ORIGINAL);
  await bench.page.bringToFront();
  await begin(trial);
  const since = Date.now();
  try {
    const wanted = await change(trial);
    await bench.page.bringToFront();
    signal(bench.worker, "SIGCONT");
    const accepted = await outcome(trial);
    const seconds = (Date.now() - since) / 1000;
    await check(trial, wanted, accepted);
    trial.release?.();
    await tidy(trial, wanted);
    return seconds;
  } finally {
    signal(bench.worker, "SIGCONT");
    trial.release?.();
  }
}

/** Makes a file unwritable. The superuser may write any file except an immutable one. */
function protect(path) {
  chmodSync(path, 0o444);
  if (process.getuid?.() === 0) {
    execFileSync("chattr", ["+i", path]);
  }
}

function unprotect(path) {
  if (process.getuid?.() === 0) {
    execFileSync("chattr", ["-i", path]);
  }
  chmodSync(path, 0o644);
}

/** Opens a file by mouse, because the list of files to go to shows new ones only after a while. */
async function openFromExplorer(workbench, name) {
  const row = workbench.page.locator(
    `.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`,
  );
  await row.dblclick();
  await workbench.inFile(name);
}

/** Asks for the improvement, and stops the worker in the middle of it. */
async function begin({ bench, workbench, name }) {
  await openFromExplorer(workbench, name);
  await workbench.selectLines(FIRST, LAST);
  signal(bench.worker, "SIGSTOP");
  await workbench.press(KEYS.improve);
  await workbench.notification(/^Improving /u);
  signal(bench.worker, "SIGCONT");
  await rest(STEP_MS);
  signal(bench.worker, "SIGSTOP");
}

/**
 * Waits for the outcome of the request, and accepts the edit if there is a diff. Returns whether
 * there was one: it may still be refused, or be in the editor without being saved.
 */
async function outcome({ workbench }) {
  await workbench.noNotification(/^Improving /u);
  const isDiff = async () => (await workbench.tabs()).some((tab) => tab.startsWith("Improve "));
  const told = async () => (await workbench.notifications()).length > 0;
  const shown = async () => (await isDiff()) || (await told());
  await until("a diff or an error is shown", shown, { seconds: OUTCOME_S });
  if (!(await isDiff())) {
    return false;
  }
  await workbench.openTab(/^Improve /u);
  await workbench.closeNotifications();
  await workbench.press(KEYS.apply);
  const decided = async () => !(await isDiff()) || (await told());
  await until("the edit is accepted or refused", decided, { seconds: OUTCOME_S });
  return true;
}

async function check(trial, wanted, accepted) {
  const { workbench, bench, name, path } = trial;
  await workbench.closeNotifications();
  const disk = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (wanted.moved !== undefined && readFileSync(wanted.moved, "utf8") !== ORIGINAL) {
    throw new Lost("the renamed file was changed");
  }
  if (wanted.disk === undefined && disk !== undefined && !accepted) {
    throw new Lost(`a file is there again with ${JSON.stringify(disk)}`);
  }
  if (wanted.disk !== undefined) {
    compare("on disk", disk, wanted.disk, { accepted, follows: wanted.saves });
  }
  if (wanted.editor !== undefined) {
    await workbench.openTab(name);
    const text = await bench.openText();
    compare("in the editor", text, wanted.editor, { accepted, follows: wanted.follows });
  }
}

/** Fails unless the text is the user's, or the user's with the accepted edit in its place. */
function compare(where, text, wanted, { accepted, follows }) {
  if (text === wanted) {
    return;
  }
  const place = linesOf(ORIGINAL, FIRST, LAST);
  const original = ORIGINAL.slice(place.start, place.end);
  const at = wanted.indexOf(original);
  const [head, tail] = [wanted.slice(0, at), wanted.slice(at + original.length)];
  const isEdited = at >= 0 && text?.startsWith(head) && text.endsWith(tail);
  if (!accepted || follows !== true || !isEdited) {
    throw lost(where, text, wanted);
  }
}

/** Removes what the trial has opened and created. */
async function tidy({ bench, workbench, path }, wanted) {
  cpSync(SAMPLE, bench.ide.folder, { recursive: true });
  for (const window of [bench.other, workbench]) {
    await window.page.bringToFront();
    for (const tab of await window.tabs()) {
      await window.openTab(tab);
      await window.command("View: Revert and Close Editor");
      await until("the tab is closed", async () => !(await window.tabs()).includes(tab));
    }
  }
  for (const file of [path, wanted.moved ?? path]) {
    rmSync(file, { force: true });
  }
  await workbench.closeNotifications();
}
