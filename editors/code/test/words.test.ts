/** Texts that users read go through `l10n.t`, so that a translation can reach all of them. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import ts from "typescript";

const SOURCES = join(__dirname, "../src");

/** Files that are not checked, and why. */
const OTHERS: Record<string, string> = {
  "smoke.ts": "drives the commands for the check of a build, whose report nobody else reads",
  "generated/limits.ts": "numbers",
};

/** Literals that look like text for users but are not, and why. */
const NO_WORDS: Record<string, string> = {
  LocalCoder: "the product's name",
  ") LocalCoder: ": "an icon and the product's name before what it does",
  "LocalCoder: ": "the same without the icon, for a screen reader",
  HostError: "the name of a class",
  Memory: "a fact of the program's, by its name there",
  "What for": "a fact of the program's, by its name there",
  "localcoder ": "the program, before its command",
  "localcoder.": "what the names of settings begin with",
  "`localcoder.": "what the names of settings begin with",
  "model ": "an entry of a list, by a name for the program",
  "profile ": "an entry of a list, by a name for the program",
  "def ": "a word of Python",
  FileNotFound: "the code of an error of the editor",
  "edit ": "what is running, by a name for the program",
  "llama.cpp: ": "the name of the engine",
  Escape: "a key's name in the page's own events",
  Enter: "a key's name in the page's own events",
  Home: "a key's name in the page's own events",
  End: "a key's name in the page's own events",
  ArrowDown: "a key's name in the page's own events",
  ArrowUp: "a key's name in the page's own events",
  "Ctrl+Y": "a key",
  "Ctrl+Backspace": "a key",
  Cmd: "a key",
  Ctrl: "a key",
  Option: "a key",
  Alt: "a key",
};

/** Calls whose texts are for the log, for developers, or for a program. */
const UNSEEN_CALLS =
  /(?:^|\.)(?:info|warn|note|executeCommand|registerCommand|querySelector|closest|ask|#ask|Error)$/u;

/** What a model is told, which is in English whatever the user's language. */
const TOLD_TO_MODELS = /^instruction$/u;

/** Properties whose texts are shown, however short they are. */
const SHOWN =
  /^(?:label|title|description|detail|placeHolder|placeholder|prompt|message|hint|cause|tooltip|openLabel|aria-label|stage|contentText|text)$/u;

/** HTML attributes that are shown or read aloud. */
const SHOWN_ATTRIBUTES = /\b(?:aria-label|title|placeholder|alt)="([^"]*)"/gu;

interface Found {
  readonly where: string;
  readonly words: string;
}

function sources(): ts.SourceFile[] {
  const names = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts") && !(name in OTHERS))
    .map((name) => {
      const text = readFileSync(join(SOURCES, name), "utf8");
      return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
    });
}

/**
 * Calls back with each node, except those inside translated messages and texts that no user reads.
 */
function visit(node: ts.Node, seen: (node: ts.Node) => void): void {
  if (isTranslated(node) || isUnseen(node)) {
    return;
  }
  seen(node);
  ts.forEachChild(node, (child) => {
    visit(child, seen);
  });
}

function isTranslated(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.getText() === "l10n.t";
}

function isUnseen(node: ts.Node): boolean {
  return (
    ts.isImportDeclaration(node) ||
    ts.isTypeNode(node) ||
    ts.isPropertySignature(node) ||
    (ts.isFunctionDeclaration(node) && /^log/u.test(node.name?.text ?? "")) ||
    ((ts.isCallExpression(node) || ts.isNewExpression(node)) &&
      UNSEEN_CALLS.test(node.expression.getText()) &&
      // A function argument may show anything, so look inside it all the same.
      !(node.arguments ?? []).some(ts.isArrowFunction))
  );
}

/** The parts of a text that users read: what is between tags, and some attributes. */
function readable(text: string): string[] {
  if (!/<[a-z!/]/iu.test(text)) {
    return [text];
  }
  const attributes = [...text.matchAll(SHOWN_ATTRIBUTES)].map((it) => it[1] ?? "");
  return [...attributes, ...text.replaceAll(/<[^>]*>?|^[^<]*>/gu, "\n").split("\n")];
}

function isWords(text: string, isShown: boolean): boolean {
  const said = text.replaceAll(/\$\([\w~-]+\)/gu, "").trim();
  const isSentence = /\p{L}{2,}[,.:;]? \p{L}{2,}|^\p{Lu}\p{Ll}+|\p{L}{2,}[.…]$/u.test(said);
  return isSentence || (isShown && /\p{L}{2,}/u.test(said));
}

/** Whether the literal is the whole value of a property that is shown. */
function isShownValue(node: ts.Node): boolean {
  const { parent } = node;
  const within = ts.isConditionalExpression(parent) ? parent.parent : parent;
  return ts.isPropertyAssignment(within) && SHOWN.test(within.name.getText().replaceAll('"', ""));
}

function wordsOf(node: ts.Node): string[] {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
    const property = ts.isPropertyAssignment(node.parent) ? node.parent : undefined;
    const isName = property?.name === node;
    const isTold = property !== undefined && TOLD_TO_MODELS.test(property.name.getText());
    return isName || isTold
      ? []
      : readable(node.text).filter((it) => isWords(it, isShownValue(node)));
  }
  if (ts.isTemplateExpression(node)) {
    const pieces = [node.head.text, ...node.templateSpans.map((span) => span.literal.text)];
    // A word next to a value is part of a sentence.
    const isPart = (it: string): boolean => /(?:^|\s)\p{L}{2,}(?:\s|[.,:;…]|$)/u.test(it);
    // The value of an expression may contain the rest of a tag.
    const whole = pieces.join("\0");
    return /<[a-z!/]/iu.test(whole)
      ? readable(whole.replaceAll("\0", "")).filter((it) => isWords(it, false))
      : pieces.filter((it) => isWords(it, isShownValue(node)) || (isShownText(node) && isPart(it)));
  }
  return [];
}

/** Whether the template is a sentence, rather than a name, an address or a command. */
function isShownText(node: ts.TemplateExpression): boolean {
  return /\s/u.test(node.getText().replaceAll(/\$\{[^}]*\}/gu, ""));
}

const excused = new Set<string>();

function untranslated(source: ts.SourceFile): Found[] {
  const found: Found[] = [];
  visit(source, (node) => {
    for (const words of wordsOf(node)) {
      if (words in NO_WORDS) {
        excused.add(words);
      } else {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        found.push({ where: `${source.fileName}:${line + 1}`, words });
      }
    }
  });
  return found;
}

test("no words for users are left out of a translation", () => {
  assert.deepEqual(sources().flatMap(untranslated), []);
  const idle = Object.keys(NO_WORDS).filter((words) => !excused.has(words));
  assert.deepEqual(idle, [], "no reason is needed any more for these");
});

test("what would be left out is found", () => {
  const said = (text: string): string[] =>
    untranslated(ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest, true)).map(
      ({ words }) => words,
    );
  assert.deepEqual(said('show("Nothing was written.");'), ["Nothing was written."]);
  assert.deepEqual(said('const button = "Undo";'), ["Undo"]);
  assert.deepEqual(said("const said = `${name} is installed`;"), [" is installed"]);
  assert.deepEqual(said('const error = { message: "gone" };'), ["gone"]);
  assert.deepEqual(said('const page = `<h1 id="a">Set up</h1>`;'), ["Set up"]);
  assert.deepEqual(said('const page = `<b aria-label="Stop">${x}</b>`;'), ["Stop"]);
  assert.deepEqual(said('show(l10n.t("Nothing was written."));'), []);
  assert.deepEqual(said('vscode.commands.executeCommand("localcoder.cancel");'), []);
});

test("every message is written out and has a value for each of its holes", () => {
  let messages = 0;
  const check = (node: ts.Node): void => {
    if (isTranslated(node)) {
      const [first, ...given] = node.arguments;
      const text = first === undefined ? undefined : messageOf(first);
      assert.ok(text !== undefined, `${node.getSourceFile().fileName}: ${node.getText()}`);
      const holes = new Set([...text.matchAll(/\{(\d+)\}/gu)].map((it) => Number(it[1])));
      assert.deepEqual([...holes].sort(), [...given.keys()], text);
      messages += 1;
    }
    ts.forEachChild(node, check);
  };
  sources().forEach(check);
  assert.ok(messages > 300, `only ${messages} messages were found`);
});

test("translations are there before any word is looked up", () => {
  for (const entry of [
    "extension.ts",
    "ui/explain/main.ts",
    "ui/manager/main.ts",
    "ui/setup/main.ts",
  ]) {
    const text = readFileSync(join(SOURCES, entry), "utf8");
    assert.match(/^import .*$/mu.exec(text)?.[0] ?? "", /^import "\.{1,2}\/translated";$/u, entry);
  }
});

/** The message of a call, whether given alone or together with a comment. */
function messageOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteral(node)) {
    return node.text;
  }
  const members = ts.isObjectLiteralExpression(node) ? node.properties : undefined;
  const message = members?.find((it) => it.name?.getText() === "message");
  return message !== undefined && ts.isPropertyAssignment(message)
    ? messageOf(message.initializer)
    : undefined;
}
