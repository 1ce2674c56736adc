/**
 * Kills the editor server and its extension host while a document has unsaved text. The window has
 * to come back by itself, with the text byte for byte and a working extension. Then the launcher is
 * asked to end or killed: none of the editor's processes may outlive it, and a new window of the
 * next run, at another address, has to have the same text.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { hasBackup } from "../support/backups.mjs";
import { processesOf, signal } from "../support/processes.mjs";
import { rest, until } from "../support/wait.mjs";
import { READY } from "../support/workbench.mjs";
import { Bench, marker, onBenches } from "./bench.mjs";
import { Lost, lost } from "./result.mjs";

const FILE = "faults.txt";
/** Moves to the end of the text, with nothing selected. */
const END = process.platform === "darwin" ? "Meta+ArrowDown" : "Control+End";
const SERVER = /server-main\.js/u;
const EXTENSION_HOST = /--type=extensionHost/u;
/** Processes that may outlive the launcher: the next one uses them. */
const ENGINE = /localcoder host run|localcoder-worker/u;

/** The launcher restarts a server at most three times in five minutes. */
const SERVER_KILLS = 3;
/** At the third crash of an extension host within five minutes, the window asks what to do. */
const EXTENSION_HOST_KILLS = 2;
/** How many extension hosts of one IDE are killed, over several loads of its page. */
const EXTENSION_HOST_TRIALS = 10;
/** Times from the last key to a kill: before, during and after the backup. */
const KILL_MS = [0, 500];
/**
 * The same range for the launcher, whose end takes along everything that could still write. So the
 * backup has to exist by then; the time that it took is recorded, because it depends on how busy
 * the machine is.
 */
const LAUNCHER_KILL_MS = [200, 700];

/** The ways in which a launcher ends, alternately. */
const ENDS = ["SIGKILL", "SIGTERM"];
/** How many launchers of one installation are ended. */
const LAUNCHER_TRIALS = 10;

export async function killServer(trials, times) {
  await onBenches(trials, times, { each: SERVER_KILLS, open, trial: serverTrial });
}

export async function killExtensionHost(trials, times) {
  const each = EXTENSION_HOST_TRIALS;
  await onBenches(trials, times, { each, open, trial: extensionHostTrial });
}

/** Ends the launcher, alternately by killing it and by asking it to end. */
export async function endLauncher(trials, times) {
  await onBenches(trials, times, { each: LAUNCHER_TRIALS, open, trial: launcherTrial });
}

async function open() {
  const bench = await Bench.open();
  // Characters of two, three and four bytes, because a backup is bytes and a document is not.
  bench.expected = "größe – 日本 – 🙂\n";
  bench.saved = bench.expected;
  writeFileSync(join(bench.ide.folder, FILE), bench.saved);
  await bench.workbench.openFile(FILE);
  return bench;
}

async function serverTrial(bench, { number, note }) {
  const typed = await typeAndRest(bench, number);
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
    // A reload resets the window's count of crashes, at which it would otherwise ask.
    await until("the text is backed up", () => hasBackup(bench.ide.home, bench.last));
    await bench.page.reload();
    await bench.workbench.status(READY);
  }
  const typed = await typeAndRest(bench, number);
  const before = bench.process(EXTENSION_HOST);
  const since = kill(bench, EXTENSION_HOST);
  await until("another extension host runs", () => {
    const now = bench.process(EXTENSION_HOST);
    return now !== undefined && now !== before;
  });
  return await recovered(bench, typed, since, note);
}

async function launcherTrial(bench, { number, note }) {
  const by = ENDS[(number - 1) % ENDS.length];
  const { line: typed, since: typedAt } = await type(bench, number);
  const backup = async () => {
    await until("the text is backed up", () => hasBackup(bench.ide.home, bench.expected));
    note("backupSeconds", (Date.now() - typedAt) / 1000);
  };
  await Promise.all([backup(), moment(typedAt, LAUNCHER_KILL_MS)]);
  const [before, left] = [new URL(bench.page.url()), bench.page];
  const ended = Date.now();
  await bench.ide.end(by);
  await until("nothing of the editor is left", () =>
    processesOf(bench.ide.home).every(({ command }) => ENGINE.test(command)),
  );
  note(`goneSeconds ${by}`, (Date.now() - ended) / 1000);
  const since = Date.now();
  // The page of the run that ended stays open meanwhile, as a user would leave it.
  bench.workbench = await bench.window(await bench.ide.start());
  const now = new URL(bench.page.url());
  if (now.hostname === before.hostname || now.pathname === before.pathname) {
    throw new Error(`the address is the earlier one: ${now.href}`);
  }
  // A browser does not give a new page's keys to the text until its user goes there, and the
  // earlier selection is restored. If nothing was open any more, what is missing is reported below.
  await bench.workbench.openFile(FILE);
  await bench.workbench.press(END);
  const taken = await recovered(bench, typed, since, note);
  await left.close();
  return taken;
}

/** Adds a line to the document and leaves it unsaved until it is time to kill. */
async function typeAndRest(bench, number) {
  const { line, since } = await type(bench, number);
  await moment(since, KILL_MS);
  return line;
}

/** Adds a line to the document and leaves it unsaved; returns it with the time of the last key. */
async function type(bench, number) {
  const line = marker(number);
  await bench.workbench.openFile(FILE);
  await bench.workbench.press("Escape");
  await bench.workbench.press(END);
  await bench.workbench.type(line);
  await bench.workbench.press("Enter");
  const since = Date.now();
  await bench.workbench.shows(new RegExp(line, "u"));
  bench.expected += `${line}\n`;
  bench.last = line;
  return { line, since };
}

/**
 * Waits until a random moment between the two times, in milliseconds after `since`.
 *
 * @param {number} since
 * @param {number[]} range
 */
async function moment(since, [least = 0, most = 0]) {
  await rest(least + Math.random() * (most - least) - (Date.now() - since));
}

/** Kills the process; returns the time. */
function kill(bench, pattern) {
  const pid = bench.process(pattern);
  if (pid === undefined) {
    throw new Error(`no process ${pattern}`);
  }
  signal(pid, "SIGKILL");
  return Date.now();
}

/** Waits until the window shows the text and works; returns the seconds since the kill. */
async function recovered(bench, typed, since, note) {
  const seconds = () => (Date.now() - since) / 1000;
  await bench.workbench.shows(new RegExp(typed, "u")).catch(async (error) => {
    // A window that works but shows another text has lost it; if the text can't be read, nothing
    // can be said.
    compare(await bench.text(FILE).catch(() => bench.expected), bench.expected);
    throw error;
  });
  note("textSeconds", seconds());
  await bench.extensionAnswers();
  const taken = seconds();
  compare(await bench.text(FILE), bench.expected);
  if (bench.ide.read(FILE) !== bench.saved) {
    throw new Lost("the file on disk was changed");
  }
  return taken;
}

function compare(text, expected) {
  if (text !== expected) {
    throw lost("in the editor", text, expected);
  }
}
