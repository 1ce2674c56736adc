/** Runs `localcoder doctor --bundle`, which collects everything and writes the report. */
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";

import { ask } from "./process";

/** The checks load the model; a large one on a slow disk takes minutes. */
const REPORT_TIMEOUT_MS = 10 * 60_000;

/** Creates a report in that folder; returns its path. */
export async function createReport(program: string | undefined, folder: string): Promise<string> {
  const { report } = await ask(program, "doctor", ["--bundle", folder], REPORT_TIMEOUT_MS);
  if (report === undefined) {
    throw new HostError({
      code: "protocol",
      message: l10n.t("`localcoder doctor --bundle` does not say where the report is"),
      hint: l10n.t("Run it in a terminal."),
    });
  }
  return report;
}
