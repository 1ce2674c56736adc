/**
 * Runs `localcoder profiles use` and `localcoder config unset`: both change the product's own
 * settings file, of which a running host hears. Which profiles there are, and what fits, is asked
 * of the host.
 */
import type { ProfileChosen } from "../generated/protocol";

import { ask, runProgram } from "./process";

export class ProfilesProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  /** Uses that profile from now on. */
  async use(name: string): Promise<ProfileChosen> {
    return await ask(this.#program, "profiles use", ["--", name]);
  }

  /** Takes a value away from the settings, so that the profile's counts. */
  async unset(key: string): Promise<void> {
    await runProgram(this.#program, ["config", "unset", "--", key]);
  }
}
