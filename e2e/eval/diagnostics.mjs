/**
 * Measures how often *Fix with LocalCoder* works: faults that tools report are planted into
 * programs, the fix is requested the way the editor requests it, and the tools check again. A fix
 * counts if the report is gone and nothing new is reported.
 *
 *     node eval/diagnostics.mjs --prove
 *     node eval/diagnostics.mjs --model ~/models/coder-1.5b.gguf [--only stats.py] [--out answers.jsonl]
 */
import { appendFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { parseArgs } from "node:util";

import { Ide } from "../support/ide.mjs";
import { connect, product } from "../support/product.mjs";

import { CASES, PROGRAMS } from "./cases.mjs";
import { reportsOf } from "./reporters.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    only: { type: "string", default: "" },
    out: { type: "string" },
    prove: { type: "boolean", default: false },
  },
});

const LANGUAGES = { ".ts": "typescript", ".py": "python", ".json": "json" };

async function prove() {
  let wrong = 0;
  const expect = (isRight, text) => {
    if (!isRight) {
      wrong += 1;
      console.log(text);
    }
  };
  for (const { file, text } of PROGRAMS) {
    const found = await reportsOf(file, text);
    expect(found.length === 0, `${file} has ${JSON.stringify(found)}`);
  }
  for (const { name, file, text } of CASES) {
    const found = await reportsOf(file, text);
    expect(found.length > 0, `${name} has no report`);
  }
  console.log(`${CASES.length} faults, ${wrong} of no use`);
  return wrong === 0;
}

/** Identifies a report even if lines have moved. */
const keyOf = ({ source, message }) => `${source}\n${message}`;

function counts(reports) {
  const all = new Map();
  for (const one of reports) {
    all.set(keyOf(one), (all.get(keyOf(one)) ?? 0) + 1);
  }
  return all;
}

/** Whether the first report is gone, and which reports are new. */
function compared(before, after) {
  const [had, has] = [counts(before), counts(after)];
  const target = keyOf(before[0]);
  const gone = (has.get(target) ?? 0) < had.get(target);
  const added = [...has].filter(([key, count]) => count > (had.get(key) ?? 0)).map(([key]) => key);
  return { gone, added };
}

/** Sends the request that `fix.ts` sends. */
async function ask(host, entry, { file, text }, reports) {
  const [target] = reports;
  const document = { path: file, languageId: LANGUAGES[extname(file)], text };
  const selection = { start: target.line, end: target.line };
  const { chosen, scopes } = await host.request("scopes", { document, selection, empty: true });
  const lines = chosen?.range ?? scopes[0]?.range ?? selection;
  const { line, source, message } = target;
  const params = {
    command: entry.id,
    document,
    selection: lines,
    drafts: false,
    instruction: entry.instruction,
    diagnostics: [{ line, source, message }],
  };
  return await host.ask("assist", params, { signal: new AbortController().signal });
}

async function measure() {
  const lib = await product();
  const ide = new Ide();
  const words = ["models", "import", resolve(values.model ?? ""), "--json"];
  const { installed } = JSON.parse(await ide.localcoder(...words));
  await ide.localcoder("models", "use", installed.id);
  const host = connect(lib, ide);
  const entry = lib.COMMANDS.find(({ command }) => command === "localcoder.fixProblems");
  const totals = {};
  try {
    for (const one of CASES.filter(({ name }) => name.includes(values.only))) {
      const before = await reportsOf(one.file, one.text);
      const row = { name: one.name, report: before[0], outcome: "failed" };
      try {
        const answer = await ask(host, entry, one, before);
        row.unsure = answer.unsure;
        if (answer.unchanged) {
          row.outcome = "unchanged";
        } else {
          const edits = [answer.imports, answer.edit].filter((edit) => edit !== undefined);
          const after = lib.withEdits(
            one.text,
            edits.map((edit) => ({ edit, range: edit.range })),
          );
          const { gone, added } = compared(before, await reportsOf(one.file, after));
          row.outcome = gone && added.length === 0 ? "fixed" : gone ? "brings others" : "stays";
          row.added = added;
          row.edit = answer.edit;
        }
      } catch (error) {
        row.error = String(error.message ?? error);
      }
      const kind = extname(one.file).slice(1);
      totals[kind] ??= {};
      totals[kind][row.outcome] = (totals[kind][row.outcome] ?? 0) + 1;
      console.log(`${row.outcome.padEnd(14)} ${row.name}${row.error ? `: ${row.error}` : ""}`);
      if (values.out !== undefined) {
        appendFileSync(values.out, `${JSON.stringify(row)}\n`);
      }
    }
  } finally {
    host.dispose();
    await ide.stop();
  }
  const all = Object.values(totals).flatMap((outcomes) => Object.entries(outcomes));
  const sum = (name) =>
    all.reduce(
      (total, [key, count]) => total + (name === undefined || key === name ? count : 0),
      0,
    );
  console.log(JSON.stringify(totals), `fixed ${sum("fixed")} of ${sum()}`);
  return true;
}

if (values.prove === (values.model !== undefined)) {
  console.error("Give --prove, or --model with a model's file.");
  process.exit(2);
}
process.exit((await (values.prove ? prove() : measure())) ? 0 : 1);
