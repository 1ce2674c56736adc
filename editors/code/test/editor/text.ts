/** Positions, ranges and documents, as the editor's published API describes them. */
import { readFileSync, statSync, writeFileSync } from "node:fs";

import { URI } from "vscode-uri";

import { Emitter } from "./events";

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}

  translate(lines: number, characters: number): Position {
    return new Position(this.line + lines, this.character + characters);
  }

  isEqual(other: Position): boolean {
    return this.line === other.line && this.character === other.character;
  }
}

export class Range {
  readonly start: Position;
  readonly end: Position;

  constructor(start: Position | number, end: Position | number, line?: number, column?: number) {
    if (typeof start === "number") {
      this.start = new Position(start, end as number);
      this.end = new Position(line ?? 0, column ?? 0);
    } else {
      this.start = start;
      this.end = end as Position;
    }
  }

  isEqual(other: Range): boolean {
    return this.start.isEqual(other.start) && this.end.isEqual(other.end);
  }
}

export class Selection extends Range {
  get active(): Position {
    return this.end;
  }
}

export class TextEdit {
  constructor(
    readonly range: Range,
    readonly newText: string,
  ) {}
}

/** Fires when a document changes, as in the editor. */
export const changed = new Emitter<{ readonly document: TextDocument }>();

/**
 * A document. As in the editor, all of its lines have the same kind of end, whatever the file has;
 * each change that is applied is one undo step; saving writes the whole text.
 */
export class TextDocument {
  version = 1;
  isDirty = false;
  isClosed = false;
  languageId = "python";
  readonly encoding = "utf8";
  readonly #undo: string[] = [];
  readonly #ends: "\n" | "\r\n";
  #text: string;

  constructor(
    readonly uri: URI,
    text: string,
  ) {
    // The editor uses the line end that most lines have.
    const windows = text.split("\r\n").length - 1;
    this.#ends = windows > (text.split("\n").length - 1) / 2 ? "\r\n" : "\n";
    this.#text = this.#alike(text);
  }

  get fileName(): string {
    return this.uri.fsPath;
  }

  get isUntitled(): boolean {
    return this.uri.scheme === "untitled";
  }

  get lineCount(): number {
    return this.#lines().length;
  }

  getText(): string {
    return this.#text;
  }

  lineAt(line: number): { text: string; range: Range; isEmptyOrWhitespace: boolean } {
    const text = this.#lines()[line];
    if (text === undefined) {
      throw new Error(`Illegal value for \`line\`: ${line}`);
    }
    const range = new Range(line, 0, line, text.length);
    return { text, range, isEmptyOrWhitespace: text.trim() === "" };
  }

  save(): Promise<boolean> {
    try {
      writeFileSync(this.uri.fsPath, this.#text);
    } catch {
      return Promise.resolve(false);
    }
    this.isDirty = false;
    return Promise.resolve(true);
  }

  /** Makes a change in one step, as the user or an extension does. */
  change(edits: readonly TextEdit[]): void {
    this.#undo.push(this.#text);
    const upwards = edits.toSorted((one, other) => this.#at(other) - this.#at(one));
    for (const edit of upwards) {
      const { start, end } = edit.range;
      const text = this.#text;
      this.#text =
        text.slice(0, this.#offset(start)) +
        this.#alike(edit.newText) +
        text.slice(this.#offset(end));
    }
    this.#changed();
  }

  /** Inserts text at the start of a line, from 1, as if a user typed it. */
  type(line: number, text: string): void {
    const at = new Position(line - 1, 0);
    this.change([new TextEdit(new Range(at, at), text)]);
  }

  /** Undoes one step. */
  undo(): void {
    this.#text = this.#undo.pop() ?? this.#text;
    this.#changed();
  }

  #changed(): void {
    this.version += 1;
    this.isDirty = true;
    changed.fire({ document: this });
  }

  #lines(): string[] {
    return this.#text.split(this.#ends);
  }

  #alike(text: string): string {
    return text.replaceAll(/\r\n|\n/gu, this.#ends);
  }

  #at({ range }: TextEdit): number {
    return this.#offset(range.start);
  }

  #offset({ line, character }: Position): number {
    const before = this.#lines().slice(0, line);
    return before.reduce((sum, text) => sum + text.length + this.#ends.length, character);
  }
}

/** Reads a file as the editor does. */
export function read(uri: URI): TextDocument {
  statSync(uri.fsPath);
  return new TextDocument(uri, readFileSync(uri.fsPath, "utf8").replace(/^\uFEFF/u, ""));
}
