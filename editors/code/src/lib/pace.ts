/** Limits how often something happens, however often there is a reason for it. */
import { REAL_CLOCK } from "./clock";
import type { Clock } from "./clock";

export class Pace {
  readonly #everyMs: number;
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(everyMs: number, clock: Clock = REAL_CLOCK) {
    this.#everyMs = everyMs;
    this.#clock = clock;
  }

  /** Whether it may happen now; if so, this counts as having done it. */
  take(): boolean {
    const now = this.#clock.now();
    const may = now - this.#lastMs >= this.#everyMs;
    if (may) {
      this.#lastMs = now;
    }
    return may;
  }
}
