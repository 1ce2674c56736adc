/** Work that waits until changes have settled, and is aborted at the next one. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Clock } from "../src/lib/clock";
import { Settler } from "../src/lib/settler";

/** A clock whose pauses end when the test says so. */
class HeldClock implements Clock {
  readonly #waiting: (() => void)[] = [];
  now(): number {
    return 0;
  }
  delay(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
  async pass(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) {
      resolve();
    }
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

test("only the last of several changes is worked on", async () => {
  const clock = new HeldClock();
  let begun = 0;
  const settler = new Settler(() => {
    begun += 1;
    return Promise.resolve();
  }, clock);
  settler.change(true);
  settler.change(true);
  settler.change(true);
  await clock.pass();
  assert.equal(begun, 1);
  settler.change(true);
  settler.change(false);
  await clock.pass();
  assert.equal(begun, 1, "what is no longer wanted is not begun");
});

test("work under way is given up at the next change, and a failure stays unseen", async () => {
  const clock = new HeldClock();
  const signals: AbortSignal[] = [];
  const settler = new Settler((signal) => {
    signals.push(signal);
    return Promise.reject(new Error("the engine is busy"));
  }, clock);
  settler.change(true);
  await clock.pass();
  assert.equal(signals[0]?.aborted, false);
  settler.change(true);
  assert.equal(signals[0].aborted, true);
  await clock.pass();
  settler.dispose();
  assert.equal(signals[1]?.aborted, true);
});
