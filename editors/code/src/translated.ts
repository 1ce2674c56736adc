/**
 * Loads the translation for the editor's language. See `lib/l10n.ts` for why it is imported first.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as vscode from "vscode";

import { configure } from "./lib/l10n";

/**
 * The editor reads the translation next to `bundle.l10n.json` for an installed extension. For a
 * built-in one, as ours is in the IDE, it asks language packs only: then the file is read here.
 */
function translation(): Record<string, unknown> | undefined {
  if (vscode.l10n.bundle !== undefined) {
    return vscode.l10n.bundle;
  }
  const path = join(__dirname, `../l10n/bundle.l10n.${vscode.env.language}.json`);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

configure(translation());
