/**
 * Notices that a written edit was taken back: within ten minutes, the document again has the text
 * from before the edit. Goes by the text and not by a key, because there are many ways to take
 * something back.
 */

/**
 * How long reverting counts as taking back, in milliseconds; after that it is a change of the
 * user's own.
 */
export const UNDONE_WITHIN_MS = 10 * 60 * 1_000;

/** An edit that was written. */
interface Kept {
  readonly editId: string;
  readonly document: string;
  /** The document's whole text before the edit. */
  readonly before: string;
  readonly after: string;
  readonly untilMs: number;
  undone: boolean;
}

export class UndoWatch {
  readonly #report: (editId: string, undone: boolean) => void;
  readonly #nowMs: () => number;
  #kept: Kept[] = [];

  /** `report`: called when an edit was taken back or, with `false`, is there again. */
  constructor(report: (editId: string, undone: boolean) => void, nowMs = (): number => Date.now()) {
    this.#report = report;
    this.#nowMs = nowMs;
  }

  /** Watches the document from now on. `before` and `after`: its whole text. */
  kept(editId: string, document: string, before: string, after: string): void {
    this.#forgetOld();
    const untilMs = this.#nowMs() + UNDONE_WITHIN_MS;
    this.#kept.push({ editId, document, before, after, untilMs, undone: false });
  }

  /**
   * A document has changed, by a redo or otherwise. `text` is called only if an edit of this
   * document is being watched.
   */
  changed(document: string, text: () => string, redone = false): void {
    this.#forgetOld();
    const here = this.#kept.filter((it) => it.document === document);
    if (here.length === 0) {
      return;
    }
    const now = text();
    for (const edit of here) {
      // Only a redo restores an edit. The same text without a redo is another edit with the same
      // content, as models write when they are asked again.
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
