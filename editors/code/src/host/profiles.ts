/**
 * Runs `localcoder profiles use` and `localcoder config unset`: both change the product's own
 * settings file, and a running host notices. Which profiles there are, and what fits, is asked of
 * the host.
 */
import type { ProfileChosen } from "../generated/protocol";

import { ask, runProgram } from "./process";

export class ProfilesProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  /** Switches to that profile. */
  async use(name: string): Promise<ProfileChosen> {
    return await ask(this.#program, "profiles use", ["--", name]);
  }

  /** Removes a value from the settings, so that the profile's applies. */
  async unset(key: string): Promise<void> {
    await runProgram(this.#program, ["config", "unset", "--", key]);
  }
}
