/**
 * The changes of a pending edit: each is kept, dropped or undecided. Nothing is written until all
 * are decided; then the kept ones are written together. Pure functions: this module knows no
 * editor.
 */
import type { Edit, EditAnswer, EditPlace, LineRange } from "../generated/protocol";

import { withEdits } from "./lines";
import type { Placed } from "./lines";

/** The user's decision on a change. */
export type Decision = "open" | "kept" | "dropped";

/** A change, and its place in the document as it is now. */
export interface Change {
  readonly edit: Edit;
  /** Whether it only imports what other changes need: unless decided otherwise, it follows them. */
  readonly isImport: boolean;
  readonly decision: Decision;
  /** `undefined` if the lines that it replaces were changed: then it can't be written. */
  readonly range: LineRange | undefined;
}

/** A change in the text that is shown. */
export interface Shown {
  /** Its index in the list of changes. */
  readonly index: number;
  /** Its lines in that text, from 1; for a pure deletion, the line after it. */
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

/** The changes with new places, after the document has changed. */
export function placedAt(
  changes: readonly Change[],
  places: readonly EditPlace[],
): readonly Change[] {
  return changes.map((change, index) => ({ ...change, range: places[index]?.range }));
}

/** The changes with a decision on some of them. */
export function decided(
  changes: readonly Change[],
  indices: readonly number[],
  decision: Decision,
): readonly Change[] {
  return changes.map((change, index) =>
    indices.includes(index) ? { ...change, decision } : change,
  );
}

/** The changes with a decision on all that are undecided. */
export function allDecided(changes: readonly Change[], decision: Decision): readonly Change[] {
  const open = changes.flatMap((change, index) => (change.decision === "open" ? [index] : []));
  return decided(changes, open, decision);
}

/** The document as it would be, and where the changes are in it; dropped ones are left out. */
export function proposed(
  document: string,
  changes: readonly Change[],
): { readonly text: string; readonly shown: readonly Shown[] } {
  const placed = changes
    .map((change, index) => ({ ...change, index }))
    .filter(({ decision }) => decision !== "dropped")
    // Lines that were moved by hand may have changed the order.
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

/** The changes that lines of the shown text refer to; empty if there are none. */
export function changesIn(shown: readonly Shown[], lines: LineRange): readonly number[] {
  return shown
    .filter(({ range }) => range.start <= lines.end && lines.start <= range.end)
    .map(({ index }) => index);
}

/** The changes that lines of the document refer to. */
export function changesAt(changes: readonly Change[], lines: LineRange): readonly number[] {
  return changes.flatMap(({ range }, index) =>
    range !== undefined && range.start <= lines.end && lines.start <= range.end ? [index] : [],
  );
}

/** The first undecided change after an index, wrapping around at the end. */
export function nextOpen(changes: readonly Change[], behind: number): number | undefined {
  const order = [...changes.keys()];
  const turned = [...order.slice(behind + 1), ...order.slice(0, behind + 1)];
  return turned.find((index) => isOpen(changes[index]));
}

/** Whether everything is decided. */
export function isSettled(changes: readonly Change[]): boolean {
  return !changes.some((change) => !change.isImport && isOpen(change));
}

/** The edits to be written. */
export function kept(changes: readonly Change[]): readonly Edit[] {
  const own = changes.filter(({ decision, isImport }) => decision === "kept" && !isImport);
  const needed = changes.filter(({ decision, isImport }) => decision !== "dropped" && isImport);
  // Imports alone would be unused.
  const all = own.length > 0 ? [...needed, ...own] : [];
  return all.filter(({ range }) => range !== undefined).map(({ edit }) => edit);
}

/**
 * The range of an edit in the document as it is now; `undefined` if none of its changes has a
 * place.
 */
export function rangeNow(edit: Edit, changes: readonly Change[]): LineRange | undefined {
  const own = changes.find(({ isImport, range }) => !isImport && range !== undefined);
  // The first change that has a place shows how far the edit has moved.
  const moved = own?.range && own.range.start - own.edit.range.start;
  return moved === undefined
    ? undefined
    : { start: edit.range.start + moved, end: edit.range.end + moved };
}

/**
 * How many changes are wanted but can't be written, because the lines that they replace were
 * changed.
 */
export function lost(changes: readonly Change[]): number {
  return changes.filter(({ decision, range }) => decision === "kept" && range === undefined).length;
}

/** How many changes there are, and how many of them are kept, not counting imports. */
export function counts(changes: readonly Change[]): {
  readonly all: number;
  readonly kept: number;
} {
  const own = changes.filter(({ isImport }) => !isImport);
  return { all: own.length, kept: own.filter(({ decision }) => decision === "kept").length };
}

/** Lines added and removed by all changes that are not dropped. */
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

/** The edit of an answer without the dropped changes. */
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

/** The number of lines at both ends that an edit leaves unchanged. */
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
