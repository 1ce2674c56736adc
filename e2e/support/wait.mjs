/**
 * Waits for something to become true, with a deadline. This is the only way in which stories wait;
 * there are no fixed pauses.
 */

/**
 * How long anything may take that is quick on an idle machine, in seconds. A machine that is busy
 * with other things, or traced programs, may need more.
 */
export const PATIENCE_S = Number(process.env.LOCALCODER_PATIENCE_S ?? 60);

/** The time limit of a whole story, in milliseconds. */
export const STORY_MS = 5 * PATIENCE_S * 1000;

/** The time between two calls of a probe, in milliseconds. */
export const LOOK_EVERY_MS = 50;

/** A pause. For the loops in here and for what needs a rhythm; stories wait with {@link until}. */
export function rest(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Returns what `probe` returns once that is truthy. An error in it counts as "not yet". After
 * `seconds` it fails with what was waited for and what was seen last.
 */
export async function until(what, probe, { seconds = PATIENCE_S } = {}) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) {
        return last;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`waited ${seconds} s in vain for: ${what}; seen last: ${seen}`);
    }
    await rest(LOOK_EVERY_MS);
  }
}
