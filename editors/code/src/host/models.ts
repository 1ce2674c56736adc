/**
 * Runs `localcoder models …`. The program does all the work and makes all decisions; this module
 * calls it, follows a download, and stops it on request.
 */
import type {
  InstalledModel,
  InstallEvent,
  ModelLicense,
  ModelList,
  ModelTask,
  Printed,
} from "../generated/protocol";

import { follow } from "./follow";
import type { Followed } from "./follow";
import { ask } from "./process";

/** Reading a file of many gigabytes takes minutes on a slow disk. */
const READING_TIMEOUT_MS = 30 * 60_000;

export class ModelsProgram {
  readonly #program: string | undefined;

  constructor(program: string | undefined) {
    this.#program = program;
  }

  async list(): Promise<ModelList> {
    return await this.#ask("models list");
  }

  /** The license of a model, or of an exported one in a folder. */
  async license(idOrFolder: string): Promise<ModelLicense> {
    return await this.#ask("models license", [idOrFolder]);
  }

  /** Imports an exported model whose license was agreed to. */
  async importExported(folder: string): Promise<InstalledModel> {
    const answer = await this.#ask(
      "models import",
      [folder, "--accept-license"],
      READING_TIMEOUT_MS,
    );
    return answer.installed;
  }

  async export(id: string, to: string): Promise<void> {
    await this.#ask("models export", [id, "--to", to], READING_TIMEOUT_MS);
  }

  async use(id: string, task: ModelTask): Promise<void> {
    await this.#ask("models use", [id, "--for", task]);
  }

  async remove(id: string): Promise<void> {
    await this.#ask("models remove", [id]);
  }

  /** Discards what is downloaded of a model. */
  async discard(id: string): Promise<void> {
    await this.#ask("models discard", [id]);
  }

  async verify(id: string): Promise<void> {
    await this.#ask("models verify", [id], READING_TIMEOUT_MS);
  }

  async import(path: string, inPlace: boolean): Promise<InstalledModel> {
    const how = inPlace ? ["--in-place"] : [];
    const answer = await this.#ask("models import", [path, ...how], READING_TIMEOUT_MS);
    return answer.installed;
  }

  /**
   * Installs a model whose license was agreed to. After `stop`, what is already downloaded stays.
   */
  install(id: string, onEvent: (event: InstallEvent) => void): Followed {
    const args = ["models", "install", id, "--accept-license", "--events"];
    return follow(this.#program, args, (event) => {
      onEvent(event as InstallEvent);
    });
  }

  async #ask<C extends keyof Printed>(
    command: C,
    args?: readonly string[],
    timeoutMs?: number,
  ): Promise<Printed[C]> {
    return await ask(this.#program, command, args, timeoutMs);
  }
}
