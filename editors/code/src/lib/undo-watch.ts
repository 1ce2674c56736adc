/**
 * Notices that a written edit was taken back: the document reads again as before it, within ten
 * minutes. By the text and not by a key, since there are many ways to take something back.
 */

/** How long it counts as taken back, in milliseconds; after that it is the user's own change. */
export const UNDONE_WITHIN_MS = 10 * 60 * 1_000;

/** An edit that was written. */
interface Kept {
  readonly editId: string;
  readonly document: string;
  /** The whole text. */
  readonly before: string;
  readonly after: string;
  readonly untilMs: number;
  undone: boolean;
}

export class UndoWatch {
  readonly #report: (editId: string, undone: boolean) => void;
  readonly #nowMs: () => number;
  #kept: Kept[] = [];

  /** `report`: that an edit was taken back, or, with false, is there again. */
  constructor(report: (editId: string, undone: boolean) => void, nowMs = (): number => Date.now()) {
    this.#report = report;
    this.#nowMs = nowMs;
  }

  /** From now on the document is watched. `before` and `after`: its whole text. */
  kept(editId: string, document: string, before: string, after: string): void {
    this.#forgetOld();
    const untilMs = this.#nowMs() + UNDONE_WITHIN_MS;
    this.#kept.push({ editId, document, before, after, untilMs, undone: false });
  }

  /**
   * A document has changed, by a redo or otherwise. `text` is asked for only if something waits for
   * it.
   */
  changed(document: string, text: () => string, redone = false): void {
    this.#forgetOld();
    const here = this.#kept.filter((it) => it.document === document);
    if (here.length === 0) {
      return;
    }
    const now = text();
    for (const edit of here) {
      // A redo takes back what took it back. Otherwise the same text is another edit that says the
      // same, as models do when they are asked again.
      const turns = edit.undone ? redone && now === edit.after : now === edit.before;
      if (turns) {
        edit.undone = !edit.undone;
        this.#report(edit.editId, edit.undone);
      }
    }
  }

  #forgetOld(): void {
    const now = this.#nowMs();
    this.#kept = this.#kept.filter((it) => now <= it.untilMs);
  }
}
