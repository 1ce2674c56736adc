/** A list of listeners. The editor's own emitter is not at hand where there is no editor. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Adds a listener and returns what removes it. */
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls every listener. */
  fire(value: T): void {
    for (const listener of [...this.#listeners]) {
      listener(value);
    }
  }
}
