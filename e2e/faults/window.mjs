/**
 * Kills the native window's processes: the window program itself, and the web view's process that
 * runs the page. The launcher, or the program, has to bring the window back with its text.
 */
import { writeFileSync } from "node:fs";

import { Ide } from "../native/ide.mjs";
import { Screen } from "../native/screen.mjs";
import { processesOf } from "../support/processes.mjs";
import { until } from "../support/wait.mjs";
import { hasBackup } from "../support/backups.mjs";
import { marker, onBenches, QUIET } from "./bench.mjs";
import { Lost, lost } from "./result.mjs";

const FILE = "faults.txt";
/** A point inside the editor's text, away from the side bar. */
const EDITOR = [900, 620];
const EXTENSION_HOST = /--type=extensionHost/u;

/**
 * What is killed in one IDE: the launcher reopens windows once in five minutes, the program reloads
 * a page three times.
 */
const VICTIMS = ["localcoder-desktop", "WebKitWebProcess", "WebKitWebProcess"];

/** How long a window needs until it takes keys after its title appears, in seconds. */
const KEYS_S = 0.4;

/** Kills the window's processes one after the other. */
export async function killWindow(trials, times) {
  const screen = await Screen.open();
  try {
    const open = () => openIde(screen);
    await onBenches(trials, times, { each: VICTIMS.length, open, trial: windowTrial });
  } finally {
    await screen.close();
  }
}

async function openIde(screen) {
  const ide = new Ide(screen);
  const text = "größe – 日本\n";
  const bench = { ide, screen, expected: text, saved: text, window: "", close: () => ide.stop() };
  try {
    ide.settings(QUIET);
    writeFileSync(ide.file(FILE), bench.saved);
    bench.window = await ide.start([ide.file(FILE)], `^${FILE} `);
    await ide.modelReady();
    await until("the window takes keys", async () => (await copied(bench)) === bench.expected);
  } catch (error) {
    await ide.stop();
    throw error;
  }
  return bench;
}

async function windowTrial(bench, { number, turn, note }) {
  const { ide, screen } = bench;
  await type(bench, number, note);
  const victim = VICTIMS[turn - 1];
  const pid = await ide.descendant(victim);
  const hosts = extensionHosts(ide.home);
  process.kill(pid, "SIGKILL");
  const since = Date.now();
  const seconds = () => (Date.now() - since) / 1000;
  await until("the killed process is gone", async () => (await ide.descendant(victim)) !== pid);
  bench.window = await until("the window shows the file", async () => {
    const [window] = await screen.windows(FILE.replace(".", "\\."));
    return window;
  });
  note(`titleSeconds ${victim}`, seconds());
  let text = "";
  // Keys that arrive before the editor takes them may copy a line, or nothing.
  await until("the window takes keys and has the text", async () => {
    text = await copied(bench);
    return text === bench.expected;
  }).catch(() => {
    throw lost("in the editor", text, bench.expected);
  });
  note(`textSeconds ${victim}`, seconds());
  await until("the window has an extension host of its own", () =>
    extensionHosts(ide.home).some((host) => !hosts.includes(host)),
  );
  const taken = seconds();
  if (ide.text(FILE) !== bench.saved) {
    throw new Lost("the file on disk was changed");
  }
  return taken;
}

/** Adds a line to the document and waits just until the editor has backed it up. */
async function type(bench, number, note) {
  const { ide, screen } = bench;
  const line = marker(number);
  await screen.focus(bench.window);
  // Clears a selection, whichever keys have arrived.
  await screen.click(...EDITOR);
  await screen.press("ctrl+End");
  await screen.type(line);
  await screen.press("Return");
  bench.expected += `${line}\n`;
  const since = Date.now();
  await until("the text is backed up", () => hasBackup(ide.home, bench.expected));
  note("backupSeconds", (Date.now() - since) / 1000);
}

/**
 * The whole text of the document, by way of the clipboard; some other text if keys don't work yet.
 */
async function copied({ screen, window }) {
  await screen.setClipboard("nothing copied");
  await screen.focus(window);
  await screen.click(...EDITOR);
  await screen.press("ctrl+a", "ctrl+c");
  const copying = async () => {
    const text = await screen.clipboard();
    return text !== "nothing copied" && text;
  };
  const text = await until("it is copied", copying, { seconds: KEYS_S }).catch(() => "");
  await screen.press("ctrl+End");
  return text;
}

function extensionHosts(home) {
  const all = processesOf(home).filter(({ command }) => EXTENSION_HOST.test(command));
  return all.map(({ pid }) => pid);
}
