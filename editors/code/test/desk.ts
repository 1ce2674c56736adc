/**
 * A test bench for features that write into files: a file on disk, the editor's side of it, and a
 * host on a real socket that finds edits by their text.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "node:test";

import type * as vscode from "vscode";
import { URI } from "vscode-uri";

import type {
  DocumentText,
  Edit,
  EditAnswer,
  EditPlace,
  Requests,
} from "../src/generated/protocol";
import { Notifier } from "../src/features/notify";
import { Previews } from "../src/features/previews";
import type { Outcome } from "../src/features/preview";
import type { Wish } from "../src/features/wish";
import { COMMANDS } from "../src/generated/protocol";
import type { CommandEntry } from "../src/generated/protocol";
import { HostConnection } from "../src/host/connection";
import { openLink } from "../src/host/link";

import { commands, screen } from "./editor";
import type { TextDocument } from "./editor/text";
import { FakeHost } from "./fake-host";
import type { Answers } from "./fake-host";
import { ANCHOR, IMPROVEMENT } from "./samples";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
  screen.reset();
});

/** The command that the tests use. */
export const IMPROVE = COMMANDS.find(({ id }) => id === "improve") as CommandEntry;

/** The contents of the tests' files, unless a test says otherwise. */
export const TEXT = "one\ntwo\nthree\nfour\nfive\n";

/** An edit of whole lines, from 1, of {@link TEXT} or another text. */
export function editOf(start: number, end: number, replacement: string, of = TEXT): Edit {
  const original = of
    .split(/\r?\n/u)
    .slice(start - 1, end)
    .join("\n");
  return { range: { start, end }, original, replacement, anchor: ANCHOR };
}

/**
 * An answer with these changes; its edit is only the first of them, which is enough to test what is
 * written.
 */
export function answerOf(first: Edit, ...others: Edit[]): EditAnswer {
  return { ...IMPROVEMENT, edit: first, hunks: [first, ...others] };
}

/** How long anything may take that is normally quick, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Waits until the probe is true, with a deadline. */
export async function until(probe: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!probe()) {
    assert.ok(Date.now() < deadline, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A file, the editor's side of it, and a host. */
export class Desk {
  readonly outcomes: Outcome[] = [];
  /** Actions that run when the host is asked for places, before it answers: one per request. */
  readonly meanwhile: (() => void)[] = [];
  /** The syntax error that the host reports. */
  syntaxError: string | undefined;
  /** How often the host was asked for places. */
  asked = 0;
  readonly folder = mkdtempSync(join(tmpdir(), "lc-desk-"));
  readonly path = join(this.folder, "a.py");
  readonly uri = URI.file(this.path);
  readonly notifier: Notifier;
  host!: HostConnection;
  fake!: FakeHost;
  previews!: Previews;
  document!: TextDocument;

  private constructor() {
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    this.notifier = new Notifier(log as unknown as vscode.LogOutputChannel);
    cleanups.push(() => {
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  static async open(text: string | Uint8Array = TEXT, answers: Answers = {}): Promise<Desk> {
    const desk = new Desk();
    writeFileSync(desk.path, text);
    const locateEdits = (params: Requests["locateEdits"]["params"]): Answer => desk.#locate(params);
    desk.fake = await FakeHost.start({ locateEdits, ...answers });
    desk.host = new HostConnection((handler) => openLink(desk.fake.socketPath, handler));
    void desk.host.keepConnected();
    desk.document = await screen.open(desk.uri);
    desk.previews = new Previews(desk.host, desk.notifier);
    desk.previews.onOutcome.on((outcome) => desk.outcomes.push(outcome));
    cleanups.push(async () => {
      desk.previews.dispose();
      desk.host.dispose();
      await desk.fake.stop();
    });
    return desk;
  }

  /** The contents of the file on disk. */
  get disk(): string {
    return readFileSync(this.path, "utf8");
  }

  get text(): string {
    return this.document.getText();
  }

  /** All messages that the user has seen. */
  get told(): string {
    return screen.messages.map(({ text }) => text).join("\n");
  }

  get wish(): Wish {
    const document = this.document as unknown as vscode.TextDocument;
    return { target: { document, lines: { start: 1, end: 1 } } };
  }

  /** Shows an answer as the pending edit. */
  async show(answer: EditAnswer, wish: Partial<Wish> = {}): Promise<void> {
    const version = { entry: IMPROVE, wish: { ...this.wish, ...wish }, answer };
    await this.previews.open(this.uri, version);
  }

  /**
   * Presses a key or button of the diff; `line`: the line of the proposed text that the button is
   * at.
   */
  async press(name: string, line?: number): Promise<void> {
    const modified = { startLineNumber: line ?? 0, endLineNumberExclusive: (line ?? 0) + 1 };
    const given = line === undefined ? [] : [{ mapping: { modified } }];
    await commands.executeCommand(`localcoder.${name}`, ...given);
  }

  /** Makes the file read-only for everyone. */
  protect(): void {
    chmodSync(this.path, 0o444);
  }

  #locate({ document, edits, checkSyntax }: Requests["locateEdits"]["params"]): Answer {
    this.asked += 1;
    this.meanwhile.shift()?.();
    const places = edits.map((edit) => placeOf(document, edit));
    const { syntaxError } = this;
    return {
      places,
      ...(checkSyntax === true && syntaxError !== undefined ? { syntaxError } : {}),
    };
  }
}

type Answer = Requests["locateEdits"]["answer"];

/**
 * Finds the lines that an edit replaces by their text alone; the real host goes by more than that.
 */
function placeOf({ text }: DocumentText, { original, range }: Edit): EditPlace {
  const lines = text.split(/\r?\n/u);
  const wanted = original.split("\n");
  const stands = (at: number): boolean => wanted.every((line, index) => lines[at + index] === line);
  const places = [range.start - 1, ...lines.keys()].filter(stands);
  const [at] = places;
  return at === undefined
    ? { error: { code: "documentChanged", message: "the lines were changed" } }
    : { range: { start: at + 1, end: at + wanted.length } };
}
