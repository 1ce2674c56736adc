/**
 * The backups that the editor keeps of text that is not saved.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Whether one of the editor's backups in a private installation contains the text. The editor writes
 * one a second after the last key, to a `.part` that it then renames: until then, nothing is backed up.
 */
export function hasBackup(home, text) {
  const folder = join(home, "editor/user/User/Backups");
  const entries = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
    : [];
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".part"))
    .some((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8").includes(text));
}
