/**
 * Runs `localcoder test`: the user's own test of some lines, on a text that need not be on disk.
 * The program finds the test and runs it; this module only calls it.
 */
import { TEST_WITHIN_MS } from "../generated/limits";
import type { Edit, LineRange, TestRun } from "../generated/protocol";

import { ask } from "./process";

/** Before the test the project is copied, which takes some seconds on a slow disk. */
const RUN_WITHIN_MS = 2 * TEST_WITHIN_MS;

/** Lines of a file, and the topmost folder to look for a test in. */
export interface Tested {
  readonly path: string;
  readonly lines: LineRange;
  readonly within: string | undefined;
  /** The command that edits them, if what it is to do is known, and its instruction. */
  readonly command: string | undefined;
  readonly instruction: string | undefined;
}

export class TestsProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  /** Whether the user wants tests, by the editor's settings or the product's. */
  async isWanted(): Promise<boolean> {
    const { value } = await ask(this.#program, "config get", ["testEdits"]);
    return value === true;
  }

  /** The test's result on the text with these edits; `undefined` if there is no test. */
  async run(of: Tested, text: string, edits: readonly Edit[]): Promise<TestRun | undefined> {
    const within = of.within === undefined ? [] : ["--within", of.within];
    const command = of.command === undefined ? [] : ["--command", of.command];
    const told = of.command !== undefined && of.instruction !== undefined;
    const instruction = told ? [`--instruction=${of.instruction}`] : [];
    const lines = `${of.lines.start}-${of.lines.end}`;
    const args = [of.path, "--lines", lines, ...within, ...command, ...instruction, "--stdin"];
    const input = JSON.stringify({ text, edits });
    const { run } = await ask(this.#program, "test", args, RUN_WITHIN_MS, input);
    return run;
  }
}
