/** Finds a function of the sample project in its text. */
import type { LineRange } from "../generated/protocol";

/**
 * The lines of a top-level Python function; the first line of the file if there is none of that
 * name.
 */
export function functionLines(text: string, name: string): LineRange {
  const lines = text.split(/\r?\n/u);
  const start = lines.findIndex((line) => line.startsWith(`def ${name}(`));
  if (start < 0) {
    return { start: 1, end: 1 };
  }
  let end = start;
  for (let at = start + 1; at < lines.length && !/^\S/u.test(lines[at] ?? ""); at += 1) {
    if (lines[at]?.trim() !== "") {
      end = at;
    }
  }
  return { start: start + 1, end: end + 1 };
}
