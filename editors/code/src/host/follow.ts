/** Runs a command of `localcoder` that prints events while it runs, one line of JSON each. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import type { ErrorInfo } from "../generated/protocol";
import { HostError } from "../lib/errors";
import * as l10n from "../lib/l10n";

import { known, parseJson, readError } from "./process";

export interface Followed {
  /** Resolves when the command ends; rejects if it failed. */
  readonly done: Promise<void>;
  /** Interrupts the command, which then ends by itself. */
  readonly stop: () => void;
}

/** Runs `program`; `onEvent` receives each line that is an event. */
export function follow(
  program: string | undefined,
  args: readonly string[],
  onEvent: (event: unknown) => void,
): Followed {
  const child = spawn(known(program), args, {
    stdio: ["ignore", "pipe", "ignore"],
    windowsHide: true,
  });
  const done = new Promise<void>((resolve, reject) => {
    let failure: ErrorInfo | undefined;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parseJson(line);
      failure = readError(event) ?? failure;
      if (typeof event === "object" && event !== null && "event" in event) {
        onEvent(event);
      }
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) {
        resolve();
        return;
      }
      reject(
        failure === undefined
          ? new Error(endText(`localcoder ${args.join(" ")}`, code))
          : new HostError(failure),
      );
    });
  });
  return {
    done,
    stop: () => {
      child.kill("SIGINT");
    },
  };
}

function endText(command: string, code: number | null): string {
  return code === null
    ? l10n.t("`{0}` was ended by a signal", command)
    : l10n.t("`{0}` ended with {1}", command, code);
}
