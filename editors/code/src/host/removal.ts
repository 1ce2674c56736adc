/**
 * Runs `localcoder reset` and `localcoder uninstall`. What goes is asked for first; the removal itself ends
 * the editor, so its program is started apart from it.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Removal } from "../generated/protocol";

import { ask, known } from "./process";

/** What is removed, as the command line says it. */
export type RemovalCommand = readonly ["reset" | "uninstall", ...options: string[]];

/** Sizes of folders with many files take a while to be counted. */
const LOOK_TIMEOUT_MS = 120_000;

/** What would go and what would stay. */
export async function removalOf(
  program: string | undefined,
  [command, ...options]: RemovalCommand,
): Promise<Removal> {
  return await ask(program, command, [...options, "--dry-run"], LOOK_TIMEOUT_MS);
}

/** The file in which its result will be. */
export function removalLog(): string {
  return join(mkdtempSync(join(tmpdir(), "localcoder-reset-")), "reset.log");
}

/** Removes it, in a session of its own that outlives this editor. */
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
