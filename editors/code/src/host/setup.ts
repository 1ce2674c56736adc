/**
 * Runs `localcoder setup` and `localcoder self-test`, which hold all the facts, make all decisions,
 * and record progress.
 */
import type { SelfTestEvent, SetupReport } from "../generated/protocol";

import { follow } from "./follow";
import type { Followed } from "./follow";
import { ask } from "./process";

/** The steps, by the program's names. */
export type StepName = "choose" | "download" | "self-test" | "done";

export class SetupProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  /** The facts about this machine, and the step that the set-up is at. */
  async report(): Promise<SetupReport> {
    return await ask(this.#program, "setup");
  }

  /** Records the step that the set-up is at. `downloads`: models that were agreed to. */
  async step(step: StepName, downloads: readonly string[] = []): Promise<SetupReport> {
    const ids = downloads.flatMap((id) => ["--download", id]);
    return await ask(this.#program, "setup", ["--step", step, ...ids]);
  }

  /** Keeps the demo model. */
  async demo(): Promise<SetupReport> {
    return await ask(this.#program, "setup", ["--demo"]);
  }

  /** Puts an installed model into use. */
  async use(id: string): Promise<SetupReport> {
    return await ask(this.#program, "setup", ["--use", id]);
  }

  async airGap(on: boolean): Promise<SetupReport> {
    return await ask(this.#program, "setup", ["--air-gapped", on ? "on" : "off"]);
  }

  /** Tests the model in use. */
  test(onEvent: (event: SelfTestEvent) => void): Followed {
    return follow(this.#program, ["self-test", "--events"], (event) => {
      onEvent(event as SelfTestEvent);
    });
  }
}
