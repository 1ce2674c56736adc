/**
 * What the page has given the launcher to keep, read from its files.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { until } from "./wait.mjs";

/** Where the launcher keeps it. */
export function folderOf(ide) {
  return join(ide.home, "editor/state");
}

/** What is kept under that name now, in whichever database; nothing where nothing is. */
function kept(ide, name) {
  for (const file of readdirSync(folderOf(ide)).filter((file) => file.endsWith(".json"))) {
    const stores = JSON.parse(readFileSync(join(folderOf(ide), file), "utf8"));
    for (const values of Object.values(stores)) {
      if (Object.hasOwn(values, name)) {
        // The first letter says what kind of value it is.
        return values[name].slice(1);
      }
    }
  }
}

/** Waits until the page has given that away: the workbench does it every few seconds. */
export async function untilKept(ide, name, fits) {
  await until(`${name} is kept`, () => fits(kept(ide, name) ?? ""));
}
