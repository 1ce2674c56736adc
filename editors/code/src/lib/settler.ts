/**
 * Runs something once changes have settled, and aborts it at the next change. Used for work ahead
 * of a command, which is useless once the selection has changed.
 */
import { REAL_CLOCK } from "./clock";
import type { Clock } from "./clock";

/** A selection that has not changed for this long has settled, in milliseconds. */
export const SETTLED_MS = 150;

export class Settler {
  readonly #work: (signal: AbortSignal) => Promise<void>;
  readonly #clock: Clock;
  #current = new AbortController();

  constructor(work: (signal: AbortSignal) => Promise<void>, clock: Clock = REAL_CLOCK) {
    this.#work = work;
    this.#clock = clock;
  }

  /** Something changed; `wanted`: whether there is anything to do once it has settled. */
  change(wanted: boolean): void {
    this.#current.abort();
    this.#current = new AbortController();
    if (wanted) {
      void this.#settle(this.#current.signal);
    }
  }

  /** Aborts what is under way. */
  dispose(): void {
    this.#current.abort();
  }

  async #settle(signal: AbortSignal): Promise<void> {
    await this.#clock.delay(SETTLED_MS, signal);
    if (signal.aborted) {
      return;
    }
    try {
      await this.#work(signal);
    } catch {
      // A command on the same selection will run into the same error and report it.
    }
  }
}
