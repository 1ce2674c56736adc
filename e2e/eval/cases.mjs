/**
 * Programs, and changes to them that make a tool report something: the first report of each is to
 * be fixed. `node eval/diagnostics.mjs --prove` shows that the unchanged programs have no reports
 * and that each change causes one.
 */

const INVENTORY_TS = `export interface Item {
  name: string;
  price: number;
  quantity: number;
  shelf?: string;
}

export function totalValue(items: readonly Item[]): number {
  let total = 0;
  for (const item of items) {
    total += item.price * item.quantity;
  }
  return total;
}

export function byShelf(items: readonly Item[]): Map<string, Item[]> {
  const shelves = new Map<string, Item[]>();
  for (const item of items) {
    const shelf = item.shelf ?? "none";
    const list = shelves.get(shelf) ?? [];
    list.push(item);
    shelves.set(shelf, list);
  }
  return shelves;
}

export async function load(url: string): Promise<Item[]> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(\`can't load \${url}: \${response.status}\`);
  }
  return (await response.json()) as Item[];
}
`;

const WORDS_TS = `export class Queue<T> {
  private readonly items: T[] = [];

  constructor(private readonly limit: number) {}

  push(item: T): boolean {
    if (this.items.length >= this.limit) {
      return false;
    }
    this.items.push(item);
    return true;
  }

  pop(): T | undefined {
    return this.items.shift();
  }

  get size(): number {
    return this.items.length;
  }
}

export function words(text: string): string[] {
  return text.split(/\\s+/).filter((word) => word.length > 0);
}

export function count(text: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words(text)) {
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}

export function longest(text: string): string {
  let best = "";
  for (const word of words(text)) {
    if (word.length > best.length) {
      best = word;
    }
  }
  return best;
}
`;

const SHAPES_TS = `type Shape =
  | { kind: "circle"; radius: number }
  | { kind: "square"; side: number }
  | { kind: "rectangle"; width: number; height: number };

export function area(shape: Shape): number {
  switch (shape.kind) {
    case "circle":
      return Math.PI * shape.radius ** 2;
    case "square":
      return shape.side ** 2;
    case "rectangle":
      return shape.width * shape.height;
  }
}

export function describe(shape: Shape): string {
  const size = area(shape).toFixed(1);
  return \`\${shape.kind} of \${size}\`;
}

export const shapes: Shape[] = [
  { kind: "circle", radius: 1 },
  { kind: "square", side: 2 },
];
`;

const INVENTORY_PY = `"""What a shop has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Item:
    name: str
    price: float
    quantity: int
    shelf: str | None = None


def load(path: Path) -> list[Item]:
    """Read items from a JSON file."""
    with path.open(encoding="utf-8") as file:
        rows = json.load(file)
    return [Item(**row) for row in rows]


def total_value(items: list[Item]) -> float:
    total = 0.0
    for item in items:
        total += item.price * item.quantity
    return total


def by_shelf(items: list[Item]) -> dict[str, list[Item]]:
    shelves: dict[str, list[Item]] = {}
    for item in items:
        shelf = item.shelf or "none"
        shelves.setdefault(shelf, []).append(item)
    return shelves


def cheapest(items: list[Item]) -> Item | None:
    best: Item | None = None
    for item in items:
        if best is None or item.price < best.price:
            best = item
    return best
`;

const STATS_PY = `import math
from collections.abc import Iterable


class Stats:
    def __init__(self, values: Iterable[float]) -> None:
        self.values = sorted(values)

    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    def median(self) -> float:
        middle = len(self.values) // 2
        if len(self.values) % 2 == 1:
            return self.values[middle]
        return (self.values[middle - 1] + self.values[middle]) / 2

    def deviation(self) -> float:
        mean = self.mean()
        squares = [(value - mean) ** 2 for value in self.values]
        return math.sqrt(sum(squares) / len(squares))


def summary(values: Iterable[float]) -> str:
    stats = Stats(values)
    return f"mean {stats.mean():.1f}, median {stats.median():.1f}"
`;

const SERVICE_JSON = `{
  "name": "shop",
  "version": "1.4.0",
  "port": 8080,
  "log": {
    "level": "info",
    "file": "shop.log"
  },
  "hosts": ["localhost", "shop.example"],
  "retries": 3,
  "cache": true
}
`;

/** A schema for the settings of a service. */
export const SERVICE_SCHEMA = {
  type: "object",
  required: ["name", "version", "port"],
  additionalProperties: false,
  properties: {
    name: { type: "string" },
    version: { type: "string", pattern: "^\\d+\\.\\d+\\.\\d+$" },
    port: { type: "integer", minimum: 1, maximum: 65535 },
    log: {
      type: "object",
      additionalProperties: false,
      properties: {
        level: { enum: ["debug", "info", "warn", "error"] },
        file: { type: "string" },
      },
    },
    hosts: { type: "array", items: { type: "string" } },
    retries: { type: "integer" },
    cache: { type: "boolean" },
  },
};

const PROGRAMS = [
  {
    file: "inventory.ts",
    text: INVENTORY_TS,
    changes: {
      "misspelled property": ["* item.quantity", "* item.quantty"],
      "assigned constant": ["let total = 0", "const total = 0"],
      "string for a number": ["return total;", "return total.toFixed(2);"],
      "may be undefined": ['item.shelf ?? "none"', "item.shelf"],
      "list may be undefined": ["shelves.get(shelf) ?? []", "shelves.get(shelf)"],
      "not awaited": ["await fetch(url)", "fetch(url)"],
      "map of the wrong type": ["new Map<string, Item[]>()", "new Map<string, Item>()"],
      "in for of": ["const item of items) {\n    total", "const item in items) {\n    total"],
      "await without async": ["export async function load", "export function load"],
      "nothing returned": ["  return shelves;\n", ""],
    },
  },
  {
    file: "words.ts",
    text: WORDS_TS,
    changes: {
      "no this": ["this.items.push(item)", "items.push(item)"],
      "may give undefined": ["pop(): T | undefined", "pop(): T"],
      "wrong parameter type": ["(word) => word.length", "(word: number) => word.length"],
      "starts as null": ['let best = "";', "let best = null;"],
      "index may be missing": ["(counts[word] ?? 0)", "counts[word]"],
      "missing parenthesis": [
        "if (word.length > best.length) {",
        "if (word.length > best.length {",
      ],
      "misspelled member": ["return this.items.length;", "return this.item.length;"],
      "one argument too many": ["words(text)) {\n    counts", "words(text, 2)) {\n    counts"],
      "not a member": ["constructor(private readonly limit: number)", "constructor(limit: number)"],
      "implicit any": ["push(item: T)", "push(item)"],
      "unknown name": ["best = word;", "best = wrod;"],
      "missing brace": ["      best = word;\n    }\n", "      best = word;\n"],
    },
  },
  {
    file: "shapes.ts",
    text: SHAPES_TS,
    changes: {
      "misspelled case": ['case "square":', 'case "sqare":'],
      "member of another": ["shape.side ** 2", "shape.width ** 2"],
      "string in a number": ["const size = area", "const size: number = area"],
      "wrong property": ["side: 2 }", "radius: 2 }"],
      "missing case": ['    case "rectangle":\n      return shape.width * shape.height;\n', ""],
      "wrong return type": ["describe(shape: Shape): string", "describe(shape: Shape): number"],
      "missing argument": ["area(shape).toFixed", "area().toFixed"],
    },
  },
  {
    file: "inventory.py",
    text: INVENTORY_PY,
    changes: {
      "misspelled variable": ["total += item.price", "totl += item.price"],
      "misspelled attribute": ["item.quantity\n", "item.quantty\n"],
      "missing import of a name": ["from pathlib import Path\n", ""],
      "missing import": ["import json\n", ""],
      "may be none": ['item.shelf or "none"', "item.shelf"],
      "none is not asked for": ["best is None or ", ""],
      "wrong return type": ["-> float:\n    total", "-> str:\n    total"],
      "missing colon": ["for item in items:\n        total", "for item in items\n        total"],
      "wrong variable returned": ["return shelves", "return shelf"],
      "misspelled source": ["for row in rows]", "for row in rowz]"],
      "no such method": [".append(item)", ".push(item)"],
      "nothing returned": ["    return total\n", "    return\n"],
      "misspelled argument": ['encoding="utf-8"', 'encodng="utf-8"'],
      "wrong type of values": ["dict[str, list[Item]] = {}", "dict[str, Item] = {}"],
    },
  },
  {
    file: "stats.py",
    text: STATS_PY,
    changes: {
      "no self": ["return self.values[middle]", "return values[middle]"],
      "no such method": ["stats.mean()", "stats.average()"],
      "missing self": ["def median(self)", "def median()"],
      "name without its module": ["math.sqrt(", "sqrt("],
      "missing parenthesis": ["/ len(squares))", "/ len(squares)"],
      "missing argument": ["Stats(values)", "Stats()"],
      "float as an index": ["len(self.values) // 2", "len(self.values) / 2"],
      "wrong indentation": ["        mean = self.mean()", "      mean = self.mean()"],
    },
  },
  {
    file: "service.json",
    text: SERVICE_JSON,
    changes: {
      "trailing comma": ["true\n", "true,\n"],
      "missing comma": ["8080,", "8080"],
      "missing quote": ['"retries": 3', 'retries": 3'],
      "duplicate key": ['"retries": 3,', '"port": 8080,\n  "retries": 3,'],
      comment: ['"retries": 3,', '"retries": 3, // times'],
      "string for a number": ["8080,", '"8080",'],
      "number for a string": ['"1.4.0"', "1.4"],
      "missing property": ['  "version": "1.4.0",\n', ""],
      "not a level": ['"info"', '"verbose"'],
      "single quotes": ['"shop.log"', "'shop.log'"],
      "missing bracket": ['"shop.example"]', '"shop.example"'],
      "unknown property": ['"cache": true', '"caching": true'],
      "unquoted key": ['"log": {', "log: {"],
      "not a version": ['"1.4.0"', '"1.4"'],
      "number in a list of strings": ['["localhost", ', '["localhost", 42, '],
      "string for a truth value": ["true\n", '"yes"\n'],
    },
  },
];

/** All cases, each with its file's text and name. */
export const CASES = PROGRAMS.flatMap(({ file, text, changes }) =>
  Object.entries(changes).map(([name, [old, now]]) => {
    if (!text.includes(old)) {
      throw new Error(`${file}: ${name}: there is no \`${old}\``);
    }
    return { name: `${file}: ${name}`, file, text: text.replace(old, () => now) };
  }),
);

export { PROGRAMS };
