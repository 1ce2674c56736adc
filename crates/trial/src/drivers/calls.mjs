/**
 * Calls functions of a module with values of its own choice, and compares two texts of the module
 * by what these calls give.
 *
 *     calls.mjs plan DOCUMENT PLAN NAME...   chooses calls, and writes down what they give
 *     calls.mjs all DOCUMENT PLAN            calls again, and says what gives something else
 *     calls.mjs values DOCUMENT PLAN         the same, where errors may come that were swallowed
 *
 * NAME is a function, a class, or CLASS.METHOD. It ends with 0 if all is as before, with 1 if not,
 * and with 5 if there is nothing that can be called.
 */
import { readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { dirname, extname, join, basename } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

// Enough to tell most wrong edits from right ones, and done in a second or two.
const SCENARIOS_MAX = 100;
const SHARE_MIN = 12;
const TRIED_MAX = 600;
const PLAN_MS = 2000;
const STEP_MS = 300;
// Calls that all give the same say little.
const SAME_MAX = 4;
const TEXT_MAX = 400;

const NOTHING_TO_CALL = 5;

// Names that no module has, and what they are shown as.
const OBJECT = "$it";
const GIVEN = "$given";
const plainly = (text) => text.replaceAll(/\$(?=it\b|given\b)/g, "");

/** Random numbers that are the same in each run. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = randomOf(1);
const pick = (items) => items[Math.floor(random() * items.length)];

/** A value as text: equal values have equal texts, in whatever order sets and keys come. */
function shown(value, depth = 0) {
  if (depth > 6) {
    return "...";
  }
  const inner = (it) => shown(it, depth + 1);
  if (value === null || value === undefined || typeof value === "boolean") {
    return String(value);
  }
  if (typeof value === "number") {
    return Object.is(value, -0) ? "0" : String(Number(value.toPrecision(9)));
  }
  if (typeof value === "bigint") {
    return `${value}n`;
  }
  if (typeof value === "string") {
    return JSON.stringify(value);
  }
  if (typeof value === "function") {
    return "a function";
  }
  if (typeof value === "symbol") {
    return String(value);
  }
  if (Array.isArray(value)) {
    return `[${Array.from(value, inner).join(", ")}]`;
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, it]) => `${inner(key)} => ${inner(it)}`);
    return `Map {${entries.sort().join(", ")}}`;
  }
  if (value instanceof Set) {
    return `Set {${[...value].map(inner).sort().join(", ")}}`;
  }
  if (value instanceof Date) {
    return `Date(${value.getTime()})`;
  }
  if (value instanceof RegExp || value instanceof Error) {
    return String(value);
  }
  if (typeof value.next === "function" && typeof value[Symbol.iterator] === "function") {
    const items = [];
    for (const item of value) {
      items.push(item);
      if (items.length === 50) {
        break;
      }
    }
    return `iterator of ${inner(items)}`;
  }
  const made = value.constructor?.name;
  const name = made === "Object" || made === undefined ? "" : `${made} `;
  const fields = Object.keys(value).filter((key) => !key.startsWith("_"));
  return `${name}{${fields
    .sort()
    .map((key) => `${key}: ${inner(value[key])}`)
    .join(", ")}}`;
}

/** The module, with a way to run code where its names are known. */
async function load(document) {
  const source = readFileSync(document, "utf8");
  const extension = extname(document);
  const isScript = /^\.[cm]?[jt]sx?$/.test(extension);
  const isModule = /^\s*(?:import\b(?!\s*\()|export\b)/m.test(source) || isOfModules(document);
  const plain = { ".js": isModule ? ".mjs" : ".cjs", ".ts": isModule ? ".mts" : ".cts" };
  if (!isScript || extension.endsWith("x")) {
    return undefined;
  }
  const { typescript } = /** @type {{ typescript?: unknown }} */ (process.features);
  if (extension.includes("t") && !typescript) {
    return undefined;
  }
  const name =
    basename(document, extension) + ".localcoder-calls" + (plain[extension] ?? extension);
  const path = join(dirname(document), name);
  const tail = `\n;let ${OBJECT}, ${GIVEN}; globalThis.__localcoderCalls = (code) => eval(code);\n`;
  writeFileSync(path, source.replace(/^#!.*/, "") + tail);
  try {
    await import(pathToFileURL(path).href);
  } finally {
    rmSync(path, { force: true });
  }
  return source;
}

/** Whether the nearest package says that its files are modules. */
function isOfModules(document) {
  for (let folder = dirname(document); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      return JSON.parse(readFileSync(file, "utf8")).type === "module";
    }
    if (folder === dirname(folder)) {
      return false;
    }
  }
}

class Left extends Error {}

/** What a line of code gives, with what it prints, or the error in which it ends. */
async function step(code) {
  let printed = "";
  const print = (...words) => {
    printed += `${words.map((it) => (typeof it === "string" ? it : shown(it))).join(" ")}\n`;
  };
  const { log, error, warn, info } = console;
  const { exit } = process;
  Object.assign(console, { log: print, error: print, warn: print, info: print });
  process.exit = () => {
    throw new Left("it ends the process");
  };
  try {
    const run = `globalThis.__localcoderCalls(${JSON.stringify(code)})`;
    // A timeout reaches into what is called.
    let value = vm.runInThisContext(run, { timeout: STEP_MS });
    if (typeof value?.then === "function") {
      const late = new Promise((_, reject) => setTimeout(reject, STEP_MS, new Error("too late")));
      value = await Promise.race([value, late]);
    }
    const text = shown(value) + (printed === "" ? "" : ` and prints ${JSON.stringify(printed)}`);
    return { text: text.slice(0, TEXT_MAX) };
  } catch (error) {
    return { error };
  } finally {
    Object.assign(console, { log, error, warn, info });
    process.exit = exit;
  }
}

/** What each line gives: `undefined` for one that ends in an error, and for all if the first does. */
async function run(lines) {
  const results = [];
  for (const line of lines) {
    const { text, error } = await step(line);
    if (error !== undefined && results.length === 0) {
      return undefined;
    }
    results.push(text);
  }
  return results;
}

/** Texts of values for parameters. */
class Values {
  constructor(source) {
    const strings = source.matchAll(/(?<![\w'"`])(?:'([^'\\\n]{1,40})'|"([^"\\\n]{1,40})")/g);
    const notPaths = [...strings]
      .map(([, a, b]) => a ?? b)
      .filter((it) => !/^(?:node:|\.\.?\/)/.test(it));
    this.texts = [...new Set(notPaths)].sort().slice(0, 24);
    const numbers = [...source.matchAll(/(?<![\w.])\d{1,6}(?![\w.])/g)].map(([it]) => Number(it));
    const near = numbers.flatMap((it) => [it - 1, it, it + 1]);
    this.numbers = [...new Set([...near, 0, 1, 2, 3, 5, 10, -1])].sort((a, b) => a - b);
    this.fields = [
      ...new Set([...source.matchAll(/\.([a-z]\w*)\b(?!\s*\()/g)].map(([, it]) => it)),
    ];
    this.fields = this.fields.filter((it) => it !== "length").slice(0, 8);
  }

  integer() {
    return String(random() < 0.6 ? pick(this.numbers) : Math.floor(random() * 16) - 3);
  }

  number() {
    return pick(["0", "1.5", "-2.5", "10", "0.1", this.integer()]);
  }

  text() {
    const plain = [
      "",
      "a",
      "b",
      "abc",
      "Hello World",
      "x=1",
      "a,b,c",
      " two  words ",
      "12",
      "A-b_c",
    ];
    const own = this.texts.length > 0 && random() < 0.6 ? this.texts : plain;
    return JSON.stringify(pick(own));
  }

  list(make) {
    return `[${Array.from({ length: pick([0, 1, 2, 2, 3, 3, 4, 5]) }, make).join(", ")}]`;
  }

  /** An object with the fields that the module uses. */
  record() {
    const value = (name) =>
      /name|text|key|title|path|label|kind|id$/.test(name)
        ? this.text()
        : pick([this.integer(), this.integer(), this.text()]);
    return `{ ${this.fields.map((name) => `${name}: ${value(name)}`).join(", ")} }`;
  }

  static KINDS = [
    "integer",
    "text",
    "integers",
    "texts",
    "number",
    "matrix",
    "counts",
    "record",
    "records",
    "function",
  ];

  ofKind(kind) {
    switch (kind) {
      case "integer":
        return this.integer();
      case "number":
        return this.number();
      case "text":
        return this.text();
      case "integers":
        return this.list(() => this.integer());
      case "texts":
        return this.list(() => this.text());
      case "matrix": {
        const width = pick([1, 2, 3]);
        const row = () => `[${Array.from({ length: width }, () => this.integer()).join(", ")}]`;
        return `[${Array.from({ length: pick([1, 2, 3]) }, row).join(", ")}]`;
      }
      case "counts":
        return `{ ${Array.from({ length: pick([0, 1, 2, 3]) }, (_, at) => `${"abc"[at]}: ${this.integer()}`).join(", ")} }`;
      case "record":
        return this.record();
      case "records":
        return this.list(() => this.record());
      case "flag":
        return pick(["true", "false"]);
      default:
        return pick(["(a) => a", "(a, b) => a - b", "(a) => a > 1", "() => 1"]);
    }
  }

  /** A kind for a parameter by its name. */
  guess(name) {
    if (/^(?:n|i|k|x|y|count|size|index|limit|width|height|amount|price)$/.test(name)) {
      return "integer";
    }
    if (/name|text|word|line|key|title|path|string|prefix|pattern|label|source|^s$/i.test(name)) {
      return /s$/.test(name) && name !== "s" ? "texts" : "text";
    }
    if (/matrix|grid|table/i.test(name)) {
      return "matrix";
    }
    if (/^(?:rows|items|orders|users|entries|records|events|list)$/i.test(name)) {
      return pick(["records", "records", "integers", "matrix"]);
    }
    if (/^(?:values|numbers|nums|xs|prices|scores|counts|data|arr)$/.test(name)) {
      return pick(["integers", "integers", "texts"]);
    }
    if (/^is[A-Z]|^has[A-Z]|flag|enabled|reverse|strict/.test(name)) {
      return "flag";
    }
    if (/callback|^fn$|^f$|predicate|compare|visit|^on[A-Z]/.test(name)) {
      return "function";
    }
    return pick(Values.KINDS);
  }
}

/** The names of a function's parameters, and which have a default. */
function parametersOf(text) {
  const start = text.indexOf("(");
  const single = /^(?:async\s+)?([\w$]+)\s*=>/.exec(text);
  if (single !== null) {
    return [{ name: single[1], optional: false }];
  }
  let depth = 0;
  const parts = [""];
  for (const char of text.slice(start)) {
    if (depth === 1 && char === ",") {
      parts.push("");
      continue;
    }
    if (")]}".includes(char)) {
      depth -= 1;
      if (depth === 0) {
        break;
      }
    }
    if (depth > 0) {
      parts[parts.length - 1] += char;
    }
    if ("([{".includes(char)) {
      depth += 1;
    }
  }
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => ({
      name: (/^(?:\.\.\.)?([\w$]+)/.exec(part) ?? ["", "record"])[1],
      optional: part.includes("=") || part.startsWith("..."),
    }));
}

/** Chooses scenarios: lines of code that are run one after another. */
class Planner {
  constructor(source) {
    this.values = new Values(source);
    this.kept = [];
    this.results = new Map();
    this.shares = new Map();
  }

  async plan(names) {
    const targets = [];
    for (const name of names) {
      targets.push(...(await this.targets(name)));
    }
    const share = Math.max(SHARE_MIN, Math.floor(SCENARIOS_MAX / Math.max(targets.length, 1)));
    const ends = Date.now() + PLAN_MS;
    // In turn, so that each has its share of the time.
    for (let tried = 0; tried < TRIED_MAX && Date.now() < ends; tried += 1) {
      const open = targets.filter((it) => (this.shares.get(it) ?? 0) < share);
      if (open.length === 0) {
        break;
      }
      await this.attempt(open[tried % open.length]);
    }
    return this.kept;
  }

  async targets(name) {
    const [owner, method] = name.split(".");
    const value = evaluated(owner);
    if (typeof value !== "function") {
      return [];
    }
    if (!isClass(value)) {
      return method === undefined ? [{ name: owner, text: String(value) }] : [];
    }
    const methods = methodsOf(value);
    const chosen = method === undefined ? methods : methods.filter((it) => it.name === method);
    return chosen.map((it) => ({ ...it, owner, made: value, methods }));
  }

  async attempt(target) {
    const lines = target.owner === undefined ? this.ofFunction(target) : this.ofObject(target);
    const results = await run(lines);
    const { owner, name } = target;
    const called = owner === undefined ? `${name}(` : `${OBJECT}.${name}`;
    // What it is about has to have an end once at least.
    const hasEnd = lines.some((line, at) => line.startsWith(called) && results?.[at] !== undefined);
    if (results === undefined || !hasEnd) {
      return;
    }
    const good = lines.filter((_, at) => results[at] !== undefined);
    const gives = results.filter((it) => it !== undefined);
    // Values of the wrong type often give something, too, which nobody relies on.
    const isNonsense = gives.some((it) => /\bNaN\b|undefined\w|\wundefined|\[object /.test(it));
    const first = gives[0];
    const last = gives.at(-1);
    const saysNothing = gives
      .slice(1)
      .every((it) => it === "undefined" || it === first || it === last);
    if (
      isNonsense ||
      (good.length > 1 ? saysNothing && first === last : gives[0] === "undefined")
    ) {
      return;
    }
    // What differs by itself says nothing.
    const again = await run(good);
    if (again === undefined || again.some((it, at) => it !== gives[at])) {
      return;
    }
    const same = JSON.stringify([target.owner, target.name, gives]);
    this.results.set(same, (this.results.get(same) ?? 0) + 1);
    const isNew = !this.kept.some(({ lines: other }) => other.join("\n") === good.join("\n"));
    if (this.results.get(same) <= SAME_MAX && isNew) {
      this.kept.push({ lines: good, gives });
      this.shares.set(target, (this.shares.get(target) ?? 0) + 1);
    }
  }

  arguments(text) {
    const values = [];
    for (const { name, optional } of parametersOf(text)) {
      if (optional && random() < 0.5) {
        break;
      }
      values.push(this.values.ofKind(this.values.guess(name)));
    }
    return values.join(", ");
  }

  /** A call, and a look at a list or object that was given: it may have been changed. */
  ofFunction({ name, text }) {
    const given = this.arguments(text);
    const isOne = /^[[{]/.test(given) && isBalanced(given);
    return isOne ? [`${GIVEN} = ${given}`, `${name}(${GIVEN})`, GIVEN] : [`${name}(${given})`];
  }

  ofObject({ owner, made, methods, name, text, kind }) {
    const call = (it) =>
      it.kind === "get"
        ? `${OBJECT}.${it.name}`
        : `${OBJECT}.${it.name}(${this.arguments(it.text)})`;
    const constructor = /constructor\s*(\([\s\S]*)/.exec(String(made))?.[1] ?? "()";
    const lines = [`${OBJECT} = new ${owner}(${this.arguments(constructor)})`];
    for (let count = pick([0, 1, 2, 3]); count > 0; count -= 1) {
      lines.push(call(pick(methods)));
    }
    lines.push(call({ name, text, kind }), call(pick(methods)), call({ name, text, kind }));
    return [...lines, OBJECT];
  }
}

function isBalanced(text) {
  let depth = 0;
  for (const [at, char] of [...text].entries()) {
    depth += "[{(".includes(char) ? 1 : "]})".includes(char) ? -1 : 0;
    if (depth === 0) {
      return at === text.length - 1;
    }
  }
  return false;
}

function isClass(value) {
  return /^class\b/.test(String(value));
}

function methodsOf(made) {
  return Object.entries(Object.getOwnPropertyDescriptors(made.prototype))
    .filter(([name]) => name !== "constructor" && !name.startsWith("_"))
    .map(([name, { value, get }]) =>
      get === undefined
        ? { name, kind: "method", text: String(value) }
        : { name, kind: "get", text: "" },
    );
}

function evaluated(name) {
  try {
    return globalThis.__localcoderCalls(name);
  } catch {
    return undefined;
  }
}

async function replay(plan, errorsCount) {
  for (const { lines, gives } of plan) {
    for (const [at, line] of lines.entries()) {
      const { text, error } = await step(line);
      // A name that is gone was renamed, which is not for us to judge.
      const isTold = errorsCount || error?.name === "ReferenceError";
      if (error !== undefined && (isRenamed(error, line) || !isTold)) {
        break;
      }
      if (error === undefined && text === gives[at]) {
        continue;
      }
      const gave = error === undefined ? `gives ${text}` : `throws ${error}`;
      console.log(plainly(said(lines, at, gave, gives[at])));
      return 1;
    }
  }
  console.log(plan.length);
  return 0;
}

/** What differs, with what was called before. */
function said(lines, at, gave, before) {
  const first = lines[0].startsWith(`${GIVEN} = `) ? lines[0].slice(GIVEN.length + 3) : undefined;
  if (first !== undefined && lines[at] === GIVEN) {
    return `\`${lines[at - 1].replace(GIVEN, () => first)}\` leaves what it is given as ${gave.replace(/^gives /, "")}, and left it as ${before} before`;
  }
  if (first !== undefined) {
    return `\`${lines[at].replace(GIVEN, () => first)}\` ${gave}, and gave ${before} before`;
  }
  const history = at === 0 ? "" : ` after \`${lines.slice(0, at).join("; ")}\``;
  return `\`${lines[at]}\` ${gave}${history}, and gave ${before} before`;
}

function isRenamed(error, line) {
  const name = /^(?:[\w$]+\.)?([\w$]+) is not (?:defined|a function)/.exec(
    error?.message ?? "",
  )?.[1];
  return (
    name !== undefined && new RegExp(`(?:^|\\.|new )${name}\\b`).test(line.replace(/\(.*/s, ""))
  );
}

async function main() {
  const [mode, document, planPath, ...names] = process.argv.slice(2);
  const { log } = console;
  console.log = () => undefined;
  const source = await load(document);
  console.log = log;
  if (source === undefined) {
    return NOTHING_TO_CALL;
  }
  if (mode !== "plan") {
    return replay(JSON.parse(readFileSync(planPath, "utf8")), mode === "all");
  }
  const plan = await new Planner(source).plan(names);
  writeFileSync(planPath, JSON.stringify(plan));
  return plan.length === 0 ? NOTHING_TO_CALL : 0;
}

process.on("unhandledRejection", () => undefined);
const code = await main();
process.exit(code);
