/** Something that happens at most once in a while. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Clock } from "../src/lib/clock";
import { Pace } from "../src/lib/pace";

test("the first time at once, then not before its time has passed", () => {
  let now = 5;
  const clock: Clock = { now: () => now, delay: () => Promise.resolve() };
  const pace = new Pace(100, clock);
  const taken = [5, 6, 104, 105, 106, 1_000].map((at) => {
    now = at;
    return pace.take();
  });
  assert.deepEqual(taken, [true, false, false, true, false, true]);
});
