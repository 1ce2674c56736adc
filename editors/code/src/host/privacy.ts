/** Runs `localcoder doctor --privacy`, which does all the checks and words the results. */
import type { PrivacyReport } from "../generated/protocol";

import { ask } from "./process";

/**
 * What may use the network now, and what was refused. The command starts nothing and sends no
 * request.
 */
export async function privacyReport(program: string | undefined): Promise<PrivacyReport> {
  return await ask(program, "doctor --privacy");
}
