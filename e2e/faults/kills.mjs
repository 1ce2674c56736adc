/**
 * The editor server and its extension host are killed while a document holds unsaved text. The
 * window has to be there again by itself, with the text byte for byte and an extension that works.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { signal } from "../support/processes.mjs";
import { rest, until } from "../support/wait.mjs";
import { READY } from "../support/workbench.mjs";
import { Bench, hasBackup, marker, onBenches } from "./bench.mjs";
import { Lost, lost } from "./result.mjs";

const FILE = "faults.txt";
const SERVER = /server-main\.js/u;
const EXTENSION_HOST = /--type=extensionHost/u;

/** The launcher starts a server again three times in five minutes. */
const SERVER_KILLS = 3;
/** The third crash of an extension host in five minutes makes a window ask. */
const EXTENSION_HOST_KILLS = 2;
/** How many kills of extension hosts one IDE gets, over several loads of its page. */
const EXTENSION_HOST_TRIALS = 10;
/** A kill comes up to so long after the last key: before, amid and after the backup. */
const KILL_WITHIN_MS = 500;

/** Kills the editor server. */
export async function killServer(trials, times) {
  await onBenches(trials, times, { each: SERVER_KILLS, open, trial: serverTrial });
}

/** Kills the extension host. */
export async function killExtensionHost(trials, times) {
  const each = EXTENSION_HOST_TRIALS;
  await onBenches(trials, times, { each, open, trial: extensionHostTrial });
}

async function open() {
  const bench = await Bench.open();
  // Wide characters and both line ends' worth of text: a backup is bytes, a document is not.
  bench.expected = "größe – 日本 – 🙂\n";
  bench.saved = bench.expected;
  writeFileSync(join(bench.ide.folder, FILE), bench.saved);
  await bench.workbench.openFile(FILE);
  return bench;
}

async function serverTrial(bench, { number, note }) {
  const typed = await type(bench, number);
  const page = await bench.page.evaluate(() => performance.timeOrigin);
  const since = kill(bench, SERVER);
  await until("the page is a new one", async () => {
    const now = await bench.page.evaluate(() => performance.timeOrigin);
    return now !== page;
  });
  return await recovered(bench, typed, since, note);
}

async function extensionHostTrial(bench, { number, turn, note }) {
  if (turn > 1 && turn % EXTENSION_HOST_KILLS === 1) {
    await until("the text is backed up", () => hasBackup(bench.ide.home, bench.last));
    await bench.page.reload();
    await bench.workbench.status(READY);
  }
  const typed = await type(bench, number);
  const before = bench.process(EXTENSION_HOST);
  const since = kill(bench, EXTENSION_HOST);
  await until("another extension host runs", () => {
    const now = bench.process(EXTENSION_HOST);
    return now !== undefined && now !== before;
  });
  return await recovered(bench, typed, since, note);
}

/** Adds a line to the document and leaves it unsaved. */
async function type(bench, number) {
  const line = marker(number);
  await bench.workbench.openFile(FILE);
  await bench.workbench.press("Escape");
  await bench.workbench.press(process.platform === "darwin" ? "Meta+ArrowDown" : "Control+End");
  await bench.workbench.type(line);
  await bench.workbench.press("Enter");
  await bench.workbench.shows(new RegExp(line, "u"));
  bench.expected += `${line}\n`;
  bench.last = line;
  await rest(Math.random() * KILL_WITHIN_MS);
  return line;
}

/** Kills the process; gives the time. */
function kill(bench, pattern) {
  const pid = bench.process(pattern);
  if (pid === undefined) {
    throw new Error(`no process ${pattern}`);
  }
  signal(pid, "SIGKILL");
  return Date.now();
}

/** Waits until the window shows the text and works; gives the seconds since the kill. */
async function recovered(bench, typed, since, note) {
  const seconds = () => (Date.now() - since) / 1000;
  await bench.workbench.shows(new RegExp(typed, "u"));
  note("textSeconds", seconds());
  await bench.extensionAnswers();
  const taken = seconds();
  const text = await bench.text(FILE);
  if (text !== bench.expected) {
    throw lost("in the editor", text, bench.expected);
  }
  if (bench.ide.read(FILE) !== bench.saved) {
    throw new Lost("the file on disk was changed");
  }
  return taken;
}
