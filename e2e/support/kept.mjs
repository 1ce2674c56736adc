/** What the page has given the launcher to store, read from its files. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { until } from "./wait.mjs";

/** The folder that the launcher stores it in. */
export function folderOf(ide) {
  return join(ide.home, "editor/state");
}

/**
 * The value that is stored under that name, in whichever database; `undefined` if there is none.
 */
function kept(ide, name) {
  for (const file of readdirSync(folderOf(ide)).filter((file) => file.endsWith(".json"))) {
    const stores = JSON.parse(readFileSync(join(folderOf(ide), file), "utf8"));
    for (const values of Object.values(stores)) {
      if (Object.hasOwn(values, name)) {
        // The first letter is the type of the value.
        return values[name].slice(1);
      }
    }
  }
}

/** Waits until the page has sent that value: the workbench does so every few seconds. */
export async function untilKept(ide, name, fits) {
  await until(`${name} is kept`, () => fits(kept(ide, name) ?? ""));
}
