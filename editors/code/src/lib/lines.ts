/**
 * Whole lines of a text: which ones the user selected, and where they are. Knows no editor and
 * decides nothing about edits; the host says which lines an edit replaces.
 */
import type { Edit, LineRange } from "../generated/protocol";

import * as l10n from "./l10n";

/** A position in a text, as editors count it: both from 0. */
export interface Place {
  readonly line: number;
  readonly character: number;
}

/** An edit, and the lines that it replaces. */
export interface Placed {
  readonly edit: Edit;
  readonly range: LineRange;
}

/** A stretch of a text, as offsets. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The lines of a selection, from 1 and inclusive; `undefined` if nothing is selected. A selection
 * that ends before the first character of a line does not include that line.
 */
export function selectedLines(start: Place, end: Place): LineRange | undefined {
  if (start.line === end.line && start.character === end.character) {
    return undefined;
  }
  const endsBeforeLine = end.character === 0 && end.line > start.line;
  return { start: start.line + 1, end: endsBeforeLine ? end.line : end.line + 1 };
}

/** Such as `line 3` or `lines 3–7`. */
export function lineLabel(range: LineRange): string {
  return range.start === range.end
    ? l10n.t("line {0}", range.start)
    : l10n.t("lines {0}–{1}", range.start, range.end);
}

/** The text with those lines replaced; `undefined` if it does not have them. */
export function replaceLines(text: string, range: LineRange, by: string): string | undefined {
  const span = spanOf(text, range);
  return span && text.slice(0, span.start) + by + text.slice(span.end);
}

/** The text with those edits applied; `undefined` if it does not have their lines. */
export function withEdits(text: string, placed: readonly Placed[]): string | undefined {
  // From the end, so that no edit moves the lines of another.
  const upwards = placed.toSorted((one, other) => other.range.start - one.range.start);
  return upwards.reduce<string | undefined>(
    (all, { edit, range }) =>
      all === undefined ? undefined : replaceLines(all, range, edit.replacement),
    text,
  );
}

/** The smallest range of lines to replace, and its new text, to turn one text into the other. */
export function differingLines(from: string, to: string): { range: LineRange; text: string } {
  const old = unixEnds(from).split("\n");
  const wanted = unixEnds(to).split("\n");
  // Leave at least one line of each, because a range has at least one line.
  const most = Math.min(old.length, wanted.length) - 1;
  let head = 0;
  while (head < most && old[head] === wanted[head]) {
    head += 1;
  }
  let tail = 0;
  while (tail < most - head && old.at(-1 - tail) === wanted.at(-1 - tail)) {
    tail += 1;
  }
  const text = wanted.slice(head, wanted.length - tail).join("\n");
  return { range: { start: head + 1, end: old.length - tail }, text };
}

/** Whether the text that an edit replaces is at these lines, ignoring the kind of line ends. */
export function originalStandsAt(text: string, range: LineRange, edit: Edit): boolean {
  const span = spanOf(text, range);
  return (
    span !== undefined && unixEnds(text.slice(span.start, span.end)) === unixEnds(edit.original)
  );
}

/** The file name of a path, with either kind of slash. */
export function baseName(path: string): string {
  return path.split(/[\\/]/u).at(-1) ?? path;
}

/** The text with Unix line ends. */
export function unixEnds(text: string): string {
  return text.replace(/\r\n|\r/gu, "\n");
}

/**
 * The new path of a file after a folder or file was renamed; `undefined` if it was not affected.
 */
export function movedPath(path: string, from: string, to: string): string | undefined {
  if (path === from) {
    return to;
  }
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : undefined;
}

/** The span of the lines, without the line end of the last one. */
function spanOf(text: string, range: LineRange): Span | undefined {
  if (range.start < 1 || range.end < range.start) {
    return undefined;
  }
  const ends = /\r\n|\r|\n/gu;
  let line = 1;
  let start = range.start === 1 ? 0 : undefined;
  for (let match = ends.exec(text); match !== null; match = ends.exec(text)) {
    if (line === range.end && start !== undefined) {
      return { start, end: match.index };
    }
    line += 1;
    if (line === range.start) {
      start = ends.lastIndex;
    }
  }
  return line === range.end && start !== undefined ? { start, end: text.length } : undefined;
}
