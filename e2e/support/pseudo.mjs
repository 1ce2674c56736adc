/**
 * A language in which every one of our texts is in marks, so that a text without them was left out
 * of the translation. It is generated from the export for translators, and installed in a copy of
 * the IDE.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { ARTIFACTS, IDE } from "./places.mjs";

/** The code under which editors know such a language. */
export const PSEUDO = "qps-ploc";

/** A text in marks. */
export const marked = (words) => `⟦${words}⟧`;

/** The folder of the copy: on the same disk, where hard links take next to no space. */
const COPY = join(ARTIFACTS, "pseudo-ide");

/** The assembled IDE with that language. */
export function pseudoIde() {
  removePseudoIde();
  for (const entry of readdirSync(IDE, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name);
    const to = join(COPY, from.slice(IDE.length));
    if (entry.isDirectory()) {
      mkdirSync(to, { recursive: true });
      continue;
    }
    mkdirSync(dirname(to), { recursive: true });
    if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(from), to);
    } else {
      linkSync(from, to);
    }
  }
  const extension = join(COPY, "vscode/extensions/localcoder");
  const bundle = JSON.parse(readFileSync(join(extension, "l10n/bundle.l10n.json"), "utf8"));
  write(join(extension, `l10n/bundle.l10n.${PSEUDO}.json`), all(bundle));
  const manifest = JSON.parse(readFileSync(join(extension, "package.nls.json"), "utf8"));
  write(join(extension, `package.nls.${PSEUDO}.json`), all(manifest));
  return COPY;
}

/** Removes the copy. */
export function removePseudoIde() {
  rmSync(COPY, { recursive: true, force: true });
}

/** All texts of a page that are read or read aloud, as they are on the page. */
export async function readable(frame) {
  return await frame.locator("body").evaluate((body) => {
    const names = ["aria-label", "title", "placeholder"];
    const elements = [...body.querySelectorAll("*")].filter(
      (it) => !["SCRIPT", "STYLE", "CODE"].includes(it.tagName),
    );
    // A command within a sentence is part of the sentence.
    const whole = (it) => it.querySelector(":scope > code") !== null;
    const texts = elements.flatMap((it) =>
      whole(it)
        ? [it.textContent]
        : [...it.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data),
    );
    const labels = elements.flatMap((it) => names.map((name) => it.getAttribute(name) ?? ""));
    return [...texts, ...labels].map((text) => text.trim()).filter((text) => text !== "");
  });
}

/**
 * The texts that are in no marks and are not `known` either: words of programs, models and files.
 * Numbers, units and signs are not words.
 */
export function unmarked(texts, known) {
  // Levels differences: a program's clause may become a sentence here, what it puts into backticks
  // is shown as code, and the number of what is free changes from one moment to the next.
  const plain = (text) =>
    text
      .toLowerCase()
      .replaceAll("`", "")
      .replaceAll(/\d[\d.,]*/gu, "0");
  const longestFirst = known.map(plain).sort((one, other) => other.length - one.length);
  const isWord = (text) => /\p{L}{2,}/u.test(text.replaceAll(/\d[\d.,]* (?:[kMG]?B|GiB)\b/gu, ""));
  const isKnown = (text) => {
    const rest = longestFirst.reduce((left, it) => left.replaceAll(it, "\n"), plain(text));
    return !isWord(rest) || longestFirst.some((it) => it.includes(plain(text)));
  };
  const pieces = texts.flatMap((text) => outside(text).split("\n")).map((text) => text.trim());
  return [...new Set(pieces)].filter((text) => isWord(text) && !isKnown(text));
}

/** The text without what is in marks, which may be nested. */
function outside(text) {
  const inner = /⟦[^⟦⟧]*⟧/gu;
  let rest = text;
  while (inner.test(rest)) {
    rest = rest.replaceAll(inner, "\n");
  }
  return rest;
}

/** All strings in a value, however deep. */
export function strings(value) {
  if (typeof value === "string") {
    return value.trim() === "" ? [] : [value.trim()];
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}

function all(bundle) {
  return Object.fromEntries(
    Object.entries(bundle).map(([key, words]) => [
      key,
      typeof words === "string" ? marked(words) : { ...words, message: marked(words.message) },
    ]),
  );
}

function write(path, value) {
  if (existsSync(path)) {
    throw new Error(`${path} is there already, and is the same file as the IDE's`);
  }
  writeFileSync(path, JSON.stringify(value));
}
