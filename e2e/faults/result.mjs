/** The results of trials: counts, times, reasons; as a table and as plain data. */

import { loadavg } from "node:os";

/** Longest time until the text is back and the window works, in seconds. */
export const LIMIT_S = 10;

/** How many reasons of one kind are kept. */
const FAILURES_MAX = 20;

/** How much of two texts is shown from where they begin to differ, in characters. */
const SHOWN = 80;

/** The document is not what its user left. */
export class Lost extends Error {}

/** The error for two texts, with the place where they begin to differ. */
export function lost(where, text, wanted) {
  const [is, should] = [[...(text ?? "")], [...wanted]];
  const first = should.findIndex((letter, index) => is[index] !== letter);
  const at = first < 0 ? should.length : first;
  const shown = (letters) => JSON.stringify(letters.slice(at, at + SHOWN).join(""));
  const now = text === undefined ? "not there" : shown(is);
  return new Lost(`the text ${where} is from character ${at} on ${now}, not ${shown(should)}`);
}

/** The trials of one kind. */
export class Trials {
  trials = 0;
  lost = 0;
  failures = [];
  /** Called after every trial. */
  afterEach = () => undefined;
  #failed = 0;
  #seconds = [];
  #others = new Map();

  /** `limited`: whether trials have to finish within {@link LIMIT_S}. */
  constructor(kind, { limited = true } = {}) {
    this.kind = kind;
    this.limited = limited;
  }

  /**
   * Runs one trial. `body` returns the seconds that it took, and may `note(name, seconds)` other
   * times. Returns whether it went well: after a failure the state of the IDE is unknown.
   */
  async run(body) {
    this.trials += 1;
    this.#note("load", loadavg()[0]);
    try {
      const seconds = await body((name, value) => this.#note(name, value));
      this.#seconds.push(seconds);
      if (this.limited && seconds > LIMIT_S) {
        throw new Error(`it took ${seconds.toFixed(1)} s`);
      }
      process.stderr.write(`${this.kind} ${this.trials}: ${seconds.toFixed(2)} s\n`);
      return true;
    } catch (error) {
      // The lines after the first are meant for terminals.
      const reason = error instanceof Lost ? error.message : error.message.split("\n")[0];
      this.lost += error instanceof Lost ? 1 : 0;
      this.#failed += 1;
      if (this.failures.length < FAILURES_MAX) {
        this.failures.push({ trial: this.trials, reason });
      }
      process.stderr.write(`${this.kind} ${this.trials}: ${reason}\n`);
      return false;
    } finally {
      this.afterEach();
    }
  }

  get ok() {
    return this.#failed === 0;
  }

  toJSON() {
    const others = [...this.#others].map(([name, values]) => [name, summary(values)]);
    return {
      trials: this.trials,
      lost: this.lost,
      failed: this.#failed,
      seconds: summary(this.#seconds),
      ...Object.fromEntries(others),
      failures: this.failures,
    };
  }

  #note(name, value) {
    this.#others.set(name, [...(this.#others.get(name) ?? []), value]);
  }
}

/** Percentiles by the nearest-rank method. */
export function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const round = (value) => (value === undefined ? null : Math.round(value * 100) / 100);
  return { p50: round(at(0.5)), p99: round(at(0.99)), max: round(at(1)) };
}

/** All kinds, one per line. */
export function table(all) {
  const rows = [["kind", "trials", "lost", "failed", "p50 s", "p99 s", "max s"]];
  for (const trials of all) {
    const { seconds, ...counts } = trials.toJSON();
    const times = [seconds.p50, seconds.p99, seconds.max];
    rows.push([trials.kind, counts.trials, counts.lost, counts.failed, ...times]);
  }
  const texts = rows.map((row) => row.map((cell) => String(cell ?? "–")));
  const widths = texts[0].map((_, column) => Math.max(...texts.map((row) => row[column].length)));
  return texts
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  "))
    .join("\n");
}
