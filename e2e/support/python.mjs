/** What stories need to know about Python code. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The span of those lines, from 1 and inclusive, in a text, without the last line's end. */
export function linesOf(text, first, last) {
  const lines = text.split("\n");
  const start = lines.slice(0, first - 1).join("\n").length + (first > 1 ? 1 : 0);
  return { start, end: lines.slice(0, last).join("\n").length };
}

/** Whether Python itself can parse the code; fails with Python's message if it can't. */
export async function parsesAsPython(code) {
  const folder = mkdtempSync(join(tmpdir(), "lc-py-"));
  try {
    const file = join(folder, "code.py");
    writeFileSync(file, code);
    await run("python3", ["-m", "py_compile", file]);
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
