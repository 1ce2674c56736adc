/**
 * Runs one command of the `localcoder` program to its end. The output has the type of its command
 * in the generated protocol, because program and protocol come from the same build.
 */
import { spawn } from "node:child_process";

import { ERROR_CODES } from "../generated/protocol";
import type { ErrorCode, ErrorInfo, HostStarted, Printed } from "../generated/protocol";
import { HostError, isErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";

/** Most output that is read, in characters. */
const OUTPUT_CHARS_MAX = 1024 * 1024;

/** How long the program may take, in milliseconds. */
const PROGRAM_TIMEOUT_MS = 20_000;

/** How long to wait for output after the program has ended, in milliseconds. */
const PIPES_WAIT_MS = 500;

/** Starts a host if none runs. `program`: the path of `localcoder`, if known. */
export async function startHost(program: string | undefined): Promise<HostStarted> {
  return await ask(program, "host start");
}

/** Stops the host, if one runs. */
export async function stopHost(program: string | undefined): Promise<void> {
  await runProgram(program, ["host", "stop"]);
}

/** The parsed answer of a command. `args`: the arguments after its name. */
export async function ask<C extends keyof Printed>(
  program: string | undefined,
  command: C,
  args: readonly string[] = [],
  timeoutMs?: number,
  input?: string,
): Promise<Printed[C]> {
  const all = [...command.split(" "), "--json", ...args];
  const answer = parseJson(await runProgram(program, all, timeoutMs, input));
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
    throw new HostError({
      code: "protocol",
      message: l10n.t("`{0}` gave a malformed answer", `localcoder ${command}`),
      hint: l10n.t("Reload the window; if it happens again, reinstall LocalCoder."),
      action: "reloadWindow",
    });
  }
  return answer as Printed[C];
}

/** Runs the program to its end, and returns its output. `input`: sent to its standard input. */
export async function runProgram(
  program: string | undefined,
  args: readonly string[],
  timeoutMs = PROGRAM_TIMEOUT_MS,
  input?: string,
): Promise<string> {
  const outcome = await collect(known(program), args, timeoutMs, input);
  if (outcome.exitCode === 0) {
    return outcome.stdout;
  }
  throw new HostError(failureOf(args, outcome, timeoutMs));
}

/** The program's path; throws an error that says why there is none. */
export function known(program: string | undefined): string {
  if (program === undefined || program === "") {
    throw new HostError({
      code: "hostUnreachable",
      message: l10n.t("this editor was not started by LocalCoder"),
      cause: l10n.t("the environment variable LOCALCODER_BIN is not set"),
      hint: l10n.t("Start the editor with the `localcoder` program."),
    });
  }
  return program;
}

interface Outcome {
  readonly exitCode: number | null;
  /** How it was killed: `late` if by us for taking too long, otherwise by another program. */
  readonly ended: { readonly late: boolean; readonly signal: NodeJS.Signals | null };
  readonly stdout: string;
  readonly stderr: string;
}

function collect(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  input: string | undefined,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "pipe", windowsHide: true });
    // A program that ends before it has read all of its input says why by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    let late = false;
    const timer = setTimeout(() => {
      late = child.kill("SIGKILL");
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
          message: l10n.t("`{0}` could not be run", program),
          cause: error.message,
          hint: l10n.t("Reinstall LocalCoder."),
        }),
      );
    });
    const done = (exitCode: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ exitCode, ended: { late, signal }, ...output });
    };
    child.on("close", done);
    // A host that the program started may hold the pipes open, so don't wait for them forever.
    child.on("exit", (exitCode, signal) => {
      setTimeout(done, PIPES_WAIT_MS, exitCode, signal).unref();
    });
  });
}

/** The program's exit codes are our error codes; its output has the details. */
function failureOf(
  args: readonly string[],
  { exitCode, ended, stdout, stderr }: Outcome,
  timeoutMs: number,
): ErrorInfo {
  const printed = readError(parseJson(stdout)) ?? readError(parseJson(stderr));
  if (printed !== undefined) {
    return printed;
  }
  const command = `localcoder ${args.join(" ")}`;
  if (exitCode === null && !ended.late) {
    return {
      code: "hostUnreachable",
      message: l10n.t("`{0}` was ended from outside", command),
      cause: l10n.t("the system or another program sent {0}", ended.signal ?? "SIGKILL"),
      hint: l10n.t("Try again; if it happens again, look whether memory runs short."),
      action: "showLog",
    };
  }
  if (exitCode === null) {
    const message = l10n.t("`{0}` did not end within {1} s", command, timeoutMs / 1000);
    return { code: "hostUnreachable", message, action: "showLog" };
  }
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const code = codes.find((it) => ERROR_CODES[it] === exitCode) ?? "hostUnreachable";
  const said = stderr.trim().split("\n").slice(-6).join(" ");
  return {
    code,
    message: said === "" ? l10n.t("`{0}` failed with exit code {1}", command, exitCode) : said,
    action: "showLog",
  };
}

/** An error printed as JSON, either bare or as `{"error": …}`. */
export function readError(value: unknown): ErrorInfo | undefined {
  if (isErrorInfo(value)) {
    return value;
  }
  if (typeof value === "object" && value !== null && "error" in value && isErrorInfo(value.error)) {
    return value.error;
  }
  return undefined;
}

/** The value of a JSON text; `undefined` if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
