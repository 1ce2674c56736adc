/**
 * Exports the messages in the sources to `l10n/bundle.l10n.json`, where translators find all of
 * them. With `--check` it only checks that the file is up to date.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";

import { getL10nJson } from "@vscode/l10n-dev";

const root = import.meta.dirname;
const bundle = join(root, "l10n/bundle.l10n.json");

/** Our module has another name than the one that the exporter looks for, but does the same. */
const OUR_IMPORT = /from "(?:\.{1,2}\/)+(?:lib\/)?l10n"/gu;

/**
 * The messages by their keys, in an order that does not depend on where they are in the sources.
 */
async function words() {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => name.endsWith(".ts")).sort();
  const files = sources.map((name) => {
    const text = readFileSync(join(root, "src", name), "utf8");
    const contents = text.replaceAll(OUR_IMPORT, 'from "@vscode/l10n"');
    return { extension: extname(name), contents };
  });
  const found = Object.entries(await getL10nJson(files));
  return Object.fromEntries(found.sort(([one], [other]) => (one < other ? -1 : 1)));
}

const text = `${JSON.stringify(await words(), undefined, 2)}\n`;
if (!process.argv.includes("--check")) {
  mkdirSync(join(root, "l10n"), { recursive: true });
  writeFileSync(bundle, text);
} else if (readFileSync(bundle, "utf8") !== text) {
  console.error("l10n/bundle.l10n.json is not fresh; run `npm run l10n`");
  process.exitCode = 1;
}
