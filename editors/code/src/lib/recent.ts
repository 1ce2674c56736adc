/**
 * What the user is working on: the latest changes as lines before and after, and pieces of the
 * other open files. Plain values: this module knows no editor.
 */
import { CHUNKS_MAX, RECENT_EDITS_MAX } from "../generated/limits";
import type { CodeChunk, RecentEdit } from "../generated/protocol";

/** Most lines of a single change; a larger one was several, or a paste. */
const EDIT_LINES_MAX = 12;
/** How many lines of another file are sent, around the place where the user was. */
const CHUNK_LINES = 40;
/** How many files' texts are remembered, to compare with at the next change. */
const FILES_MAX = 24;

/** A stretch of lines that differs. */
interface Difference {
  /** The number of lines before it. */
  readonly start: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export class RecentEdits {
  /**
   * For each file its text before the change in progress, and its latest text; most recently used
   * last.
   */
  readonly #bases = new Map<string, { base: string; last: string }>();
  readonly #edits: RecentEdit[] = [];

  /** A file was opened: changes are measured from this text. */
  opened(path: string, text: string): void {
    if (!this.#bases.has(path)) {
      this.#remember(path, text, text);
    }
  }

  /** A file's text has changed. */
  changed(path: string, text: string): void {
    const known = this.#bases.get(path);
    if (known === undefined) {
      this.#remember(path, text, text);
      return;
    }
    if (isOne(difference(known.base, text))) {
      this.#remember(path, known.base, text);
      return;
    }
    // At another place, or a paste: the change so far is complete.
    this.#close(path, difference(known.base, known.last));
    this.#remember(path, isOne(difference(known.last, text)) ? known.last : text, text);
  }

  /** The changes that are worth sending, oldest first. */
  edits(path: string): RecentEdit[] {
    const known = this.#bases.get(path);
    const open = known === undefined ? undefined : difference(known.base, known.last);
    const current = open === undefined ? [] : edit(path, open);
    return [...this.#edits, ...current].slice(-RECENT_EDITS_MAX);
  }

  #remember(path: string, base: string, last: string): void {
    this.#bases.delete(path);
    this.#bases.set(path, { base, last });
    const oldest = this.#bases.keys().next();
    if (this.#bases.size > FILES_MAX && oldest.done !== true) {
      this.#bases.delete(oldest.value);
    }
  }

  #close(path: string, done: Difference): void {
    this.#edits.push(...(isOne(done) ? edit(path, done) : []));
    this.#edits.splice(0, this.#edits.length - RECENT_EDITS_MAX);
  }
}

/** What differs between the lines that two texts share at both ends. */
function difference(one: string, other: string): Difference {
  const [before, after] = [one.split(/\r?\n/u), other.split(/\r?\n/u)];
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) {
    start += 1;
  }
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) {
    end += 1;
  }
  return {
    start,
    before: before.slice(start, before.length - end),
    after: after.slice(start, after.length - end),
  };
}

function isOne({ before, after }: Difference): boolean {
  return before.length <= EDIT_LINES_MAX && after.length <= EDIT_LINES_MAX;
}

function edit(path: string, { start, before, after }: Difference): RecentEdit[] {
  const isNothing = before.length === 0 && after.length === 0;
  const text = { before: before.join("\n"), after: after.join("\n") };
  return isNothing ? [] : [{ path, ...text, line: start + 1 }];
}

/** A file that the user has looked at, and the line that they were at, from 0. */
export interface Visited {
  readonly path: string;
  readonly text: string;
  readonly line: number;
}

/** Pieces of files, the one that was left last at the end: it is the likeliest to matter. */
export function chunksOf(visited: readonly Visited[], path: string): CodeChunk[] {
  const others = visited.filter((it) => it.path !== path && it.text.trim() !== "");
  return others.slice(-CHUNKS_MAX).map((it) => {
    const lines = it.text.split(/\r?\n/u);
    const start = Math.max(0, Math.min(it.line - CHUNK_LINES / 2, lines.length - CHUNK_LINES));
    return { path: it.path, text: lines.slice(start, start + CHUNK_LINES).join("\n") };
  });
}
