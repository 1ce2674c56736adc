/**
 * The changes of an edit that waits: each is kept, dropped, or not decided on. Nothing is written
 * before all are decided; then those that are kept are written together. Values in and out: it knows
 * no editor.
 */
import type { Edit, EditAnswer, EditPlace, LineRange } from "../generated/protocol";

import { withEdits } from "./lines";
import type { Placed } from "./lines";

/** What the user has said of a change. */
export type Decision = "open" | "kept" | "dropped";

/** One change, and where it belongs in the document as it is now. */
export interface Change {
  readonly edit: Edit;
  /** Brings in what the others need: goes with them where nothing else is said. */
  readonly isImport: boolean;
  readonly decision: Decision;
  /** Nothing where the lines that it replaces were changed: it can't be written. */
  readonly range: LineRange | undefined;
}

/** A change in the text that is shown. */
export interface Shown {
  /** Its place in the list. */
  readonly index: number;
  /** Its lines in that text, from 1; the line after it where it has none. */
  readonly range: LineRange;
}

/** The changes of an answer, in the order of the document. */
export function changesOf({
  hunks,
  imports,
}: Pick<EditAnswer, "hunks" | "imports">): readonly Change[] {
  const change = (edit: Edit, isImport: boolean): Change => ({
    edit,
    isImport,
    decision: "open",
    range: edit.range,
  });
  const own = hunks.map((edit) => change(edit, false));
  const all = imports === undefined ? own : [change(imports, true), ...own];
  return all.toSorted((one, other) => one.edit.range.start - other.edit.range.start);
}

/** The same where the document has changed. */
export function placedAt(
  changes: readonly Change[],
  places: readonly EditPlace[],
): readonly Change[] {
  return changes.map((change, index) => ({ ...change, range: places[index]?.range }));
}

/** The same with a decision on some of them. */
export function decided(
  changes: readonly Change[],
  indices: readonly number[],
  decision: Decision,
): readonly Change[] {
  return changes.map((change, index) =>
    indices.includes(index) ? { ...change, decision } : change,
  );
}

/** The same with a decision on all that have none. */
export function allDecided(changes: readonly Change[], decision: Decision): readonly Change[] {
  const open = changes.flatMap((change, index) => (change.decision === "open" ? [index] : []));
  return decided(changes, open, decision);
}

/** The document as it would be, and where the changes are in it. Those that are dropped are not. */
export function proposed(
  document: string,
  changes: readonly Change[],
): { readonly text: string; readonly shown: readonly Shown[] } {
  const placed = changes
    .map((change, index) => ({ ...change, index }))
    .filter(({ decision }) => decision !== "dropped")
    // Lines that were moved by hand may be in another order.
    .toSorted((one, other) => (one.range?.start ?? 0) - (other.range?.start ?? 0));
  const shown: Shown[] = [];
  let grown = 0;
  for (const { edit, range, index } of placed) {
    if (range !== undefined) {
      const start = range.start + grown;
      const count = lineCount(edit.replacement);
      shown.push({ index, range: { start, end: start + count - 1 } });
      grown += count - (range.end - range.start + 1);
    }
  }
  const text = withEdits(document, placed.flatMap(placedEdit)) ?? document;
  return { text, shown };
}

/** Which are meant by lines of the text that is shown; nothing where none of them is there. */
export function changesIn(shown: readonly Shown[], lines: LineRange): readonly number[] {
  return shown
    .filter(({ range }) => range.start <= lines.end && lines.start <= range.end)
    .map(({ index }) => index);
}

/** Which are meant by lines of the document. */
export function changesAt(changes: readonly Change[], lines: LineRange): readonly number[] {
  return changes.flatMap(({ range }, index) =>
    range !== undefined && range.start <= lines.end && lines.start <= range.end ? [index] : [],
  );
}

/** The next one behind an index that is not decided on, from the first again behind the last. */
export function nextOpen(changes: readonly Change[], behind: number): number | undefined {
  const order = [...changes.keys()];
  const turned = [...order.slice(behind + 1), ...order.slice(0, behind + 1)];
  return turned.find((index) => isOpen(changes[index]));
}

/** Whether there is nothing left to decide. */
export function isSettled(changes: readonly Change[]): boolean {
  return !changes.some((change) => !change.isImport && isOpen(change));
}

/** What is to be written. */
export function kept(changes: readonly Change[]): readonly Edit[] {
  const own = changes.filter(({ decision, isImport }) => decision === "kept" && !isImport);
  const needed = changes.filter(({ decision, isImport }) => decision !== "dropped" && isImport);
  const all = own.length > 0 ? [...needed, ...own] : [];
  return all.filter(({ range }) => range !== undefined).map(({ edit }) => edit);
}

/** The lines of an edit as the document is now; nothing where none of its changes has a place. */
export function rangeNow(edit: Edit, changes: readonly Change[]): LineRange | undefined {
  const own = changes.find(({ isImport, range }) => !isImport && range !== undefined);
  const moved = own?.range && own.range.start - own.edit.range.start;
  return moved === undefined
    ? undefined
    : { start: edit.range.start + moved, end: edit.range.end + moved };
}

/** How many are wanted and can't be written, since the lines that they replace were changed. */
export function lost(changes: readonly Change[]): number {
  return changes.filter(({ decision, range }) => decision === "kept" && range === undefined).length;
}

/** How many there are, and how many of them are kept: without what only brings something in. */
export function counts(changes: readonly Change[]): {
  readonly all: number;
  readonly kept: number;
} {
  const own = changes.filter(({ isImport }) => !isImport);
  return { all: own.length, kept: own.filter(({ decision }) => decision === "kept").length };
}

/** Lines that come and go with all that are not dropped. */
export function lineCounts(changes: readonly Change[]): {
  readonly added: number;
  readonly removed: number;
} {
  let [added, removed] = [0, 0];
  for (const { edit, decision } of changes) {
    if (decision !== "dropped") {
      const common = commonLines(edit);
      added += lineCount(edit.replacement) - common;
      removed += lineCount(edit.original) - common;
    }
  }
  return { added, removed };
}

/** The edit of an answer without the changes that are dropped. */
export function edited({ edit }: EditAnswer, changes: readonly Change[]): Edit {
  const own = changes.filter(({ isImport, decision }) => !isImport && decision !== "dropped");
  const placed = own.map((change): Placed => {
    const { start, end } = change.edit.range;
    const first = edit.range.start - 1;
    return { edit: change.edit, range: { start: start - first, end: end - first } };
  });
  return { ...edit, replacement: withEdits(edit.original, placed) ?? edit.replacement };
}

function isOpen(change: Change | undefined): boolean {
  return change?.decision === "open" && change.range !== undefined;
}

function placedEdit({ edit, range }: Change): Placed[] {
  return range === undefined ? [] : [{ edit, range }];
}

function lineCount(text: string): number {
  return text.split("\n").length;
}

/** Lines at both ends that an edit leaves as they are. */
function commonLines({ original, replacement }: Edit): number {
  const [old, now] = [original.split("\n"), replacement.split("\n")];
  const most = Math.min(old.length, now.length);
  let head = 0;
  while (head < most && old[head] === now[head]) {
    head += 1;
  }
  let tail = 0;
  while (tail < most - head && old.at(-1 - tail) === now.at(-1 - tail)) {
    tail += 1;
  }
  return head + tail;
}
