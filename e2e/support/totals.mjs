/** A file of three functions, in each of which even the demo model fixes the same thing. */

/** The name of the file. */
export const FILE = "totals.py";

/** The functions, from top to bottom. */
export const FUNCTIONS = ["total_stock", "stock_value", "weight"];

/** The contents of the file. */
export const TEXT = FUNCTIONS.map(
  (name) => `def ${name}(items):
    total = 0
    for item in items:
        total = total + item["${name}"]
    return total
`,
).join("\n\n");

/** The line that is fixed in a function. */
export const line = (index) => index * 7 + 4;

/** The text with these functions fixed. */
export function withChanges(...indices) {
  const lines = TEXT.split("\n");
  for (const index of indices) {
    lines[line(index) - 1] = `        total += item["${FUNCTIONS[index]}"]`;
  }
  return lines.join("\n");
}
