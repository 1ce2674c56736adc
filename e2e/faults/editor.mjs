/**
 * Kills the processes that make up the editor, again and again, and changes documents under a
 * running request. Nothing may be lost, and the window has to work again in time.
 *
 *     node faults/editor.mjs --times 100 --only server,window --out FILE
 *
 * Needs what stories need; the kind `window` needs what the native stories need. Exits with 1 if a
 * trial lost something, failed or took too long.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

import { changeDocuments, DOCUMENT_KINDS } from "./documents.mjs";
import { endLauncher, killExtensionHost, killServer } from "./kills.mjs";
import { table, Trials } from "./result.mjs";
import { killWindow } from "./window.mjs";

/** Each kind, with the function that runs its trials. */
const KINDS = {
  server: one("server", killServer),
  "extension-host": one("extension-host", killExtensionHost),
  window: one("window", killWindow),
  launcher: one("launcher", endLauncher),
  documents: async (times, all) => {
    const kinds = Object.keys(DOCUMENT_KINDS);
    const trials = kinds.map((kind) => new Trials(`documents: ${kind}`, { limited: false }));
    add(all, trials);
    await changeDocuments(trials, times);
  },
};

function one(kind, run) {
  return async (times, all) => {
    const trials = new Trials(kind);
    add(all, [trials]);
    await run(trials, times);
  };
}

function add(all, added) {
  all.push(...added);
  for (const trials of added) {
    trials.afterEach = () => keep(all);
  }
}

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "10" },
    only: { type: "string", default: Object.keys(KINDS).join(",") },
    out: { type: "string" },
  },
});
const times = Number(values.times);
const wanted = values.only.split(",");
const unknown = wanted.filter((kind) => !Object.hasOwn(KINDS, kind));
if (!Number.isInteger(times) || times < 1 || unknown.length > 0) {
  process.stderr.write(
    `usage: --times N (1 or more), --only ${Object.keys(KINDS).join("|")}, --out FILE\n`,
  );
  process.exit(2);
}

/** Called after every trial, so that a run that is stopped leaves its results so far. */
function keep(all) {
  if (values.out !== undefined) {
    const kinds = Object.fromEntries(all.map((trials) => [trials.kind, trials]));
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${JSON.stringify({ times, kinds }, null, 2)}\n`);
  }
}

const all = [];
let broken = false;
for (const kind of wanted) {
  try {
    await KINDS[kind](times, all);
  } catch (error) {
    broken = true;
    process.stderr.write(`${kind} could not go on: ${error.stack}\n`);
  }
  keep(all);
}
process.stdout.write(`${table(all)}\n`);
process.exit(broken || all.some((trials) => !trials.ok) ? 1 : 0);
