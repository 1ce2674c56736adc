/** Runs `localcoder doctor --privacy`, which looks at everything and finds the words. */
import type { PrivacyReport } from "../generated/protocol";

import { ask } from "./process";

/** What may use the network now, and what was refused. It starts nothing and sends no request. */
export async function privacyReport(program: string | undefined): Promise<PrivacyReport> {
  return await ask(program, "doctor --privacy");
}
