/**
 * Catches the model in the middle of an answer, although the demo model finishes almost at once.
 */
import { signal } from "./processes.mjs";
import { rest, until } from "./wait.mjs";
import { KEYS } from "./workbench.mjs";

/** At this temperature a model rarely stops. For the installation of such a story. */
export const RAMBLING = { ide: { settings: { sampling: { temperature: 2, topP: 1 } } } };

/** How long the worker runs in one step, in milliseconds. */
const STEP_MS = 1;

/** How long it takes until the text of a step is on the screen, in milliseconds. */
const SHOWN_MS = 120;

/** How many answers may be too short to be caught. */
const TRIES = 8;

/**
 * Selects those lines, asks for an explanation, and stops the worker process once the first words
 * are on the screen. Returns the worker's process id.
 */
export async function freezeInMidAnswer(ide, workbench, { file, first, last }) {
  const worker = await ide.readyWorker();
  for (let tries = 0; tries < TRIES; tries += 1) {
    await workbench.openFile(file);
    await workbench.selectLines(first, last);
    signal(worker, "SIGSTOP");
    await workbench.press(KEYS.explain);
    await workbench.explanationPhase("working");
    const phase = await until("the explanation streams", async () => {
      signal(worker, "SIGCONT");
      await rest(STEP_MS);
      signal(worker, "SIGSTOP");
      await rest(SHOWN_MS);
      const now = await workbench.phaseNow();
      return now !== "working" && now;
    });
    if (phase === "streaming") {
      return worker;
    }
    signal(worker, "SIGCONT");
  }
  throw new Error(`${TRIES} answers were too short to be caught in the middle`);
}

/**
 * How often a stopped worker runs for a moment, in milliseconds: its host tolerates ten seconds of
 * silence.
 */
const BREATH_EVERY_MS = 4_000;

/**
 * Runs `act` while the worker is stopped, so that it neither ends its answer nor is killed by the
 * host, however slow the machine is.
 */
export async function whileStopped(worker, act) {
  let isStopped = true;
  const breath = setInterval(async () => {
    signal(worker, "SIGCONT");
    await rest(STEP_MS);
    if (isStopped) {
      signal(worker, "SIGSTOP");
    }
  }, BREATH_EVERY_MS);
  signal(worker, "SIGSTOP");
  try {
    return await act();
  } finally {
    isStopped = false;
    clearInterval(breath);
    signal(worker, "SIGCONT");
  }
}
