/**
 * Runs `localcoder models …`. The program does all the work and decides everything; this module
 * asks, follows a download, and stops it when asked to.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { HostError, isErrorInfo } from "../lib/errors";
import { readInstallEvent } from "../lib/models";
import type { InstallEvent, Use } from "../lib/models";

import { runProgram } from "./process";

/** Reading a file of many gigabytes takes minutes on a slow disk. */
const READING_TIMEOUT_MS = 30 * 60_000;

/** See the module. */
export class ModelsProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  /** All models, as JSON that was parsed. */
  async list(): Promise<unknown> {
    return JSON.parse(await this.#run(["list", "--json"]));
  }

  /** The text of a model's licence. */
  async license(id: string): Promise<string> {
    const answer: unknown = JSON.parse(await this.#run(["license", id, "--json"]));
    const text =
      typeof answer === "object" && answer !== null && "text" in answer ? answer.text : "";
    return typeof text === "string" ? text : "";
  }

  /** What an exported model is, and its licence. */
  async exported(folder: string): Promise<unknown> {
    return JSON.parse(await this.#run(["license", folder, "--json"]));
  }

  /** Takes an exported model in, whose licence was agreed to. */
  async importExported(folder: string): Promise<void> {
    await this.#run(["import", folder, "--accept-license", "--json"], READING_TIMEOUT_MS);
  }

  async export(id: string, to: string): Promise<void> {
    await this.#run(["export", id, "--to", to, "--json"], READING_TIMEOUT_MS);
  }

  async use(id: string, use: Use): Promise<void> {
    await this.#run(["use", id, "--for", use, "--json"]);
  }

  async remove(id: string): Promise<void> {
    await this.#run(["remove", id, "--json"]);
  }

  /** Gives up what was loaded of a model. */
  async discard(id: string): Promise<void> {
    await this.#run(["discard", id, "--json"]);
  }

  async verify(id: string): Promise<void> {
    await this.#run(["verify", id, "--json"], READING_TIMEOUT_MS);
  }

  async import(path: string, inPlace: boolean): Promise<void> {
    const how = inPlace ? ["--in-place"] : [];
    await this.#run(["import", path, ...how, "--json"], READING_TIMEOUT_MS);
  }

  /** Installs a model whose licence was agreed to. When `stop` is called, what is loaded stays. */
  install(
    id: string,
    told: (event: InstallEvent) => void,
  ): { readonly done: Promise<void>; readonly stop: () => void } {
    const args = ["models", "install", id, "--accept-license", "--events"];
    const child = spawn(this.#program ?? "localcoder", args, {
      stdio: ["ignore", "pipe", "ignore"],
      windowsHide: true,
    });
    const done = new Promise<void>((resolve, reject) => {
      let failure: unknown;
      createInterface({ input: child.stdout }).on("line", (line) => {
        failure = errorIn(line) ?? failure;
        told(readInstallEvent(line));
      });
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) {
          resolve();
          return;
        }
        reject(
          isErrorInfo(failure)
            ? new HostError(failure)
            : new Error(`\`localcoder models install\` ended with ${code ?? "a signal"}`),
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

  async #run(args: readonly string[], timeoutMs?: number): Promise<string> {
    return await runProgram(this.#program, ["models", ...args], timeoutMs);
  }
}

function errorIn(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "error" in value
      ? value.error
      : undefined;
  } catch {
    return undefined;
  }
}
