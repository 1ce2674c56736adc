/**
 * The requests of this window that are waiting for an answer, so that one command can stop them
 * all. A newer request with the same key stops the older one.
 */

export class Running {
  readonly #requests = new Map<string, AbortController>();
  readonly #onChange: (busy: boolean) => void;

  constructor(onChange: (busy: boolean) => void) {
    this.#onChange = onChange;
  }

  /** Whether anything runs. */
  get busy(): boolean {
    return this.#requests.size > 0;
  }

  /** Whether there is a request with this key. */
  has(key: string): boolean {
    return this.#requests.has(key);
  }

  /**
   * Runs `work`; its signal aborts on {@link cancel}, on {@link cancelAll}, or when a newer request
   * starts.
   */
  async run<T>(key: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.cancel(key);
    const controller = new AbortController();
    this.#requests.set(key, controller);
    this.#onChange(true);
    try {
      return await work(controller.signal);
    } finally {
      if (this.#requests.get(key) === controller) {
        this.#requests.delete(key);
      }
      this.#onChange(this.busy);
    }
  }

  /** Stops the request with this key, if any. */
  cancel(key: string): void {
    this.#requests.get(key)?.abort();
  }

  cancelAll(): void {
    for (const controller of this.#requests.values()) {
      controller.abort();
    }
  }
}
