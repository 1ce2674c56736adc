/**
 * Does something once changes have settled, and gives it up at the next change. Used for work
 * ahead of a command, which is of no use once the selection is another one.
 */
import { REAL_CLOCK } from "./clock";
import type { Clock } from "./clock";

/** Without a change for this long, a selection has settled, in milliseconds. */
export const SETTLED_MS = 150;

export class Settler {
  readonly #work: (signal: AbortSignal) => Promise<void>;
  readonly #clock: Clock;
  #current = new AbortController();

  constructor(work: (signal: AbortSignal) => Promise<void>, clock: Clock = REAL_CLOCK) {
    this.#work = work;
    this.#clock = clock;
  }

  /** Something changed; `wanted`: whether there is anything to do when it has settled. */
  change(wanted: boolean): void {
    this.#current.abort();
    this.#current = new AbortController();
    if (wanted) {
      void this.#settle(this.#current.signal);
    }
  }

  /** Gives up what is under way. */
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
      // A command on the same selection will meet the same and tell it.
    }
  }
}
