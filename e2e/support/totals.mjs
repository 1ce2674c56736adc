/** A file of three functions, in each of which even the demo model has the same thing to fix. */

/** Its name. */
export const FILE = "totals.py";

/** The functions, from the top. */
export const FUNCTIONS = ["total_stock", "stock_value", "weight"];

/** What is in it. */
export const TEXT = FUNCTIONS.map(
  (name) => `def ${name}(items):
    total = 0
    for item in items:
        total = total + item["${name}"]
    return total
`,
).join("\n\n");

/** The line of a function that is fixed. */
export const line = (index) => index * 7 + 4;

/** The text with these functions fixed. */
export function withChanges(...indices) {
  const lines = TEXT.split("\n");
  for (const index of indices) {
    lines[line(index) - 1] = `        total += item["${FUNCTIONS[index]}"]`;
  }
  return lines.join("\n");
}
