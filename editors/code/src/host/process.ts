/**
 * Runs the `localcoder` program to start or stop the host. The program decides whether one must
 * be started and where its socket is; this module only asks and reads the answer.
 */
import { spawn } from "node:child_process";

import { ERROR_CODES } from "../generated/protocol";
import type { ErrorCode, ErrorInfo } from "../generated/protocol";
import { HostError, isErrorInfo } from "../lib/errors";

/** Longest output that is read, in characters. */
const OUTPUT_CHARS_MAX = 1024 * 1024;

/** How long the program may take, in milliseconds. */
const PROGRAM_TIMEOUT_MS = 20_000;

/** How long output is waited for after the program has ended, in milliseconds. */
const PIPES_WAIT_MS = 500;

/** Where a host listens. */
export interface HostAddress {
  readonly socket: string;
  readonly pid: number;
}

/** Makes sure that a host runs. `program`: the path of `localcoder`, where it is known. */
export async function startHost(program: string | undefined): Promise<HostAddress> {
  const output = await runProgram(program, ["host", "start", "--json"]);
  const address: unknown = parseJson(output);
  if (typeof address === "object" && address !== null && "socket" in address && "pid" in address) {
    const { socket, pid } = address;
    if (typeof socket === "string" && typeof pid === "number") {
      return { socket, pid };
    }
  }
  throw new HostError({
    code: "protocol",
    message: "`localcoder host start` gave an answer that makes no sense",
    hint: "Reload the window; if it happens again, reinstall LocalCoder.",
    action: "reloadWindow",
  });
}

/** Ends the host, if one runs. */
export async function stopHost(program: string | undefined): Promise<void> {
  await runProgram(program, ["host", "stop"]);
}

/** Runs the program to its end; what it printed. */
export async function runProgram(
  program: string | undefined,
  args: readonly string[],
  timeoutMs = PROGRAM_TIMEOUT_MS,
): Promise<string> {
  if (program === undefined || program === "") {
    throw new HostError({
      code: "hostUnreachable",
      message: "this editor was not started by LocalCoder",
      cause: "the environment variable LOCALCODER_BIN is not set",
      hint: "Start the editor with the `localcoder` program.",
    });
  }
  const { exitCode, stdout, stderr } = await collect(program, args, timeoutMs);
  if (exitCode === 0) {
    return stdout;
  }
  throw new HostError(failureOf(args, exitCode, stdout, stderr));
}

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function collect(program: string, args: readonly string[], timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
    });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
    }, timeoutMs);
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8");
      child[name].on("data", (chunk: string) => {
        output[name] = (output[name] + chunk).slice(0, OUTPUT_CHARS_MAX);
      });
    }
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(
        new HostError({
          code: "hostUnreachable",
          message: `\`${program}\` could not be run`,
          cause: error.message,
          hint: "Reinstall LocalCoder.",
        }),
      );
    });
    const done = (exitCode: number | null): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ exitCode, ...output });
    };
    child.on("close", done);
    // A host that the program started may hold the pipes open: don't wait for their end for ever.
    child.on("exit", (exitCode) => {
      setTimeout(done, PIPES_WAIT_MS, exitCode).unref();
    });
  });
}

/** The program's exit codes are our error codes, and what it prints says the rest. */
function failureOf(
  args: readonly string[],
  exitCode: number | null,
  stdout: string,
  stderr: string,
): ErrorInfo {
  const printed = readError(parseJson(stdout)) ?? readError(parseJson(stderr));
  if (printed !== undefined) {
    return printed;
  }
  const command = `localcoder ${args.join(" ")}`;
  if (exitCode === null) {
    const message = `\`${command}\` did not end within ${PROGRAM_TIMEOUT_MS / 1000} s`;
    return { code: "hostUnreachable", message, action: "showLog" };
  }
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const code = codes.find((it) => ERROR_CODES[it] === exitCode) ?? "hostUnreachable";
  const said = stderr.trim().split("\n").slice(-6).join(" ");
  return {
    code,
    message: said === "" ? `\`${command}\` failed with exit code ${exitCode}` : said,
    action: "showLog",
  };
}

/** An error printed as JSON, bare or as `{"error": …}`. */
function readError(value: unknown): ErrorInfo | undefined {
  if (isErrorInfo(value)) {
    return value;
  }
  if (typeof value === "object" && value !== null && "error" in value && isErrorInfo(value.error)) {
    return value.error;
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
