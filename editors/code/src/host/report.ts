/**
 * Runs `localcoder doctor --bundle`, which gathers everything and writes the report; this module
 * asks and reads where it is.
 */
import { HostError } from "../lib/errors";

import { runProgram } from "./process";

/** The checks load the model, and a large one on a slow disk takes minutes. */
const REPORT_TIMEOUT_MS = 10 * 60_000;

/** A new report in that folder; its path. */
export async function createReport(program: string | undefined, folder: string): Promise<string> {
  const args = ["doctor", "--json", "--bundle", folder];
  const path = reportPath(await runProgram(program, args, REPORT_TIMEOUT_MS));
  if (path !== undefined) {
    return path;
  }
  throw new HostError({
    code: "protocol",
    message: "`localcoder doctor --bundle` gave an answer that makes no sense",
    hint: "Run it in a terminal: it says where the report is.",
  });
}

function reportPath(output: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(output);
    const path =
      typeof answer === "object" && answer !== null && "report" in answer
        ? answer.report
        : undefined;
    return typeof path === "string" ? path : undefined;
  } catch {
    return undefined;
  }
}
