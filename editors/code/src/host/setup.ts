/** Runs `localcoder setup` and `localcoder self-test`, which know, decide and note everything. */
import type { SelfTestEvent, SetupReport } from "../generated/protocol";

import { follow } from "./follow";
import type { Followed } from "./follow";
import { ask } from "./process";

/** The steps, as the program calls them. */
export type StepName = "choose" | "download" | "self-test" | "done";

export class SetupProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  /** The facts, and how far it is. */
  async report(): Promise<SetupReport> {
    return await ask(this.#program, "setup");
  }

  /** Notes how far it is. `downloads`: models that were agreed to. */
  async step(step: StepName, downloads: readonly string[] = []): Promise<SetupReport> {
    const ids = downloads.flatMap((id) => ["--download", id]);
    return await ask(this.#program, "setup", ["--step", step, ...ids]);
  }

  /** Stays with the demo model. */
  async demo(): Promise<SetupReport> {
    return await ask(this.#program, "setup", ["--demo"]);
  }

  /** Makes a model that is there the one in use. */
  async use(id: string): Promise<SetupReport> {
    return await ask(this.#program, "setup", ["--use", id]);
  }

  async airGap(on: boolean): Promise<SetupReport> {
    return await ask(this.#program, "setup", ["--air-gapped", on ? "on" : "off"]);
  }

  /** Tries the model that is in use. */
  test(onEvent: (event: SelfTestEvent) => void): Followed {
    return follow(this.#program, ["self-test", "--events"], (event) => {
      onEvent(event as SelfTestEvent);
    });
  }
}
