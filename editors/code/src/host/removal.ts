/**
 * Runs `localcoder reset` and `localcoder uninstall`. What they would remove is asked first; the
 * removal itself ends the editor, so its program is started detached from it.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Removal } from "../generated/protocol";

import { ask, known } from "./process";

/** The command line's words for what to remove. */
export type RemovalCommand = readonly ["reset" | "uninstall", ...options: string[]];

/** The sizes of folders with many files take a while to add up. */
const LOOK_TIMEOUT_MS = 120_000;

/** What would be removed and what would stay. */
export async function removalOf(
  program: string | undefined,
  [command, ...options]: RemovalCommand,
): Promise<Removal> {
  return await ask(program, command, [...options, "--dry-run"], LOOK_TIMEOUT_MS);
}

/** The file that the result will be written to. */
export function removalLog(): string {
  return join(mkdtempSync(join(tmpdir(), "localcoder-reset-")), "reset.log");
}

/** Starts the removal, in a session of its own that outlives this editor. */
export function startRemoval(
  program: string | undefined,
  [command, ...options]: RemovalCommand,
  log: string,
): void {
  const output = openSync(log, "wx", 0o600);
  const stdio: ["ignore", number, number] = ["ignore", output, output];
  const child = spawn(known(program), [command, ...options, "--yes"], { detached: true, stdio });
  child.on("error", () => undefined);
  child.unref();
}
