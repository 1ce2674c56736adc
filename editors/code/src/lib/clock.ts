/** Time and deadlines. Code in `host/` waits only through these, so that tests need not wait. */

export interface Clock {
  now(): number;
  /** Resolves after that time, or at once if the signal aborts. */
  delay(ms: number, signal: AbortSignal): Promise<void>;
}

/** Resolves when `signal` aborts; never if `until` aborts first. */
export function whenAborted(signal: AbortSignal, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    } else {
      signal.addEventListener(
        "abort",
        () => {
          resolve();
        },
        { once: true, signal: until },
      );
    }
  });
}

/** The system's clock. */
export const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  delay: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
      signal.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    }),
};
