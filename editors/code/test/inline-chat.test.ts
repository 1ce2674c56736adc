/**
 * Inline chat: which edits are passed to the editor, and what becomes of the file once the user has
 * decided.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { EditRequests } from "../src/features/edit-requests";
import { InlineChat } from "../src/features/inline-chat";
import type { Outcome } from "../src/features/preview";
import type { AssistParams, EditAnswer } from "../src/generated/protocol";
import { TestsProgram } from "../src/host/tests";
import { Running } from "../src/lib/running";

import { answerOf, Desk, editOf, TEXT, until } from "./desk";
import { registered, screen, Selection } from "./editor";
import { CancellationSource } from "./editor/events";
import type { TextEdit } from "./editor/text";

const TWO = answerOf(editOf(2, 2, "TWO"));
const AFTER = TEXT.replace("two", "TWO");
const [ACCEPTED, REJECTED] = [1, 2];

interface Result {
  readonly details?: string;
  readonly errorDetails?: { readonly message: string };
}

type Participant = (
  request: object,
  context: undefined,
  stream: object,
  token: CancellationSource["token"],
) => Promise<Result>;

/** Inline chat in the document of a test bench, with the editor's side of it. */
class Chat {
  readonly outcomes: Outcome[] = [];
  readonly asked: AssistParams[] = [];
  readonly source = new CancellationSource();
  /** Runs while the edit is being written. */
  meanwhile: () => void = () => undefined;
  answer: EditAnswer = TWO;
  desk!: Desk;

  static async open(): Promise<Chat> {
    const chat = new Chat();
    chat.desk = await Desk.open(TEXT, {
      assist: (params) => {
        chat.asked.push(params);
        chat.meanwhile();
        return { kind: "edit", ...chat.answer };
      },
    });
    const { host, notifier } = chat.desk;
    const requests = new EditRequests(
      host,
      new TestsProgram(undefined),
      new Running(() => undefined),
    );
    const inline = new InlineChat(host, requests, notifier);
    inline.onOutcome.on((outcome) => chat.outcomes.push(outcome));
    inline.register();
    return chat;
  }

  /**
   * Asks about line 2; the editor inserts the edits that it receives into the document, as the real
   * one does.
   */
  async ask(prompt = "shout"): Promise<Result> {
    const { document } = this.desk;
    const stream = {
      progress: () => undefined,
      textEdit: (_uri: unknown, edits: TextEdit[] | true) => {
        if (edits !== true) {
          document.change(edits);
        }
      },
    };
    const location2 = { document, selection: new Selection(1, 0, 1, 3) };
    const participant = registered.chat as Participant;
    return await participant({ prompt, location2 }, undefined, stream, this.source.token);
  }

  /** The user keeps or undoes what is shown; resolves once the outcome is known. */
  async decide(outcome: number): Promise<void> {
    const action = { kind: "chatEditingSessionAction", uri: this.desk.uri, outcome };
    registered.acted.fire({ action });
    if (outcome === REJECTED) {
      // The editor announces it before it does it.
      this.desk.document.undo();
    }
    await until(() => this.outcomes.length > 0 && !this.desk.document.isDirty);
  }
}

test("an edit is handed to the editor and not saved before the user keeps it", async () => {
  const chat = await Chat.open();
  await chat.ask();
  assert.deepEqual([chat.desk.text, chat.desk.disk], [AFTER, TEXT]);
  await chat.decide(ACCEPTED);
  assert.equal(chat.desk.disk, AFTER);
  assert.equal(chat.outcomes[0]?.kept, 1);
});

test("an edit that is undone leaves document and file as they were, and nothing to save", async () => {
  const chat = await Chat.open();
  await chat.ask();
  await chat.decide(REJECTED);
  assert.deepEqual(
    [chat.desk.text, chat.desk.disk, chat.desk.document.isDirty],
    [TEXT, TEXT, false],
  );
  assert.equal(chat.outcomes[0]?.kept, 0);
});

test("the editor gets only the lines that differ", async () => {
  const chat = await Chat.open();
  chat.answer = answerOf(editOf(1, 4, "one\nTWO\nthree\nfour"));
  const change = chat.desk.document.change.bind(chat.desk.document);
  const handed: TextEdit[] = [];
  chat.desk.document.change = (edits) => {
    handed.push(...edits);
    change(edits);
  };
  await chat.ask();
  assert.deepEqual(
    handed.map(({ newText, range }) => [newText, range.start.line, range.end.line]),
    [["TWO", 1, 1]],
  );
});

test("lines that the user changes while the edit is being written are left alone", async () => {
  const chat = await Chat.open();
  chat.meanwhile = () => {
    chat.desk.document.type(2, "my ");
  };
  const { errorDetails } = await chat.ask();
  assert.match(errorDetails?.message ?? "", /were changed/u);
  assert.equal(chat.desk.text, TEXT.replace("two", "my two"));
});

test("an edit goes below lines that the user types above while it is being written", async () => {
  const chat = await Chat.open();
  chat.meanwhile = () => {
    chat.desk.document.type(1, "zero\n");
  };
  await chat.ask();
  assert.equal(chat.desk.text, `zero\n${AFTER}`);
});

test("what comes after the user has stopped it is not in the document", async () => {
  const chat = await Chat.open();
  chat.meanwhile = () => {
    chat.source.cancel();
  };
  await chat.ask();
  assert.deepEqual([chat.desk.text, chat.desk.document.version], [TEXT, 1]);
});

test("of a file that programs act on nothing is shown before the user says so", async () => {
  const chat = await Chat.open();
  chat.answer = { ...TWO, sensitive: "every build runs it" };
  assert.match((await chat.ask()).details ?? "", /Nothing was written/u);
  assert.equal(chat.desk.text, TEXT);
  screen.press = ({ modal }) => (modal ? "Change It" : undefined);
  await chat.ask();
  assert.equal(chat.desk.text, AFTER);
});

test("what is asked next changes the edit that is shown, from the text before it", async () => {
  const chat = await Chat.open();
  await chat.ask();
  chat.answer = answerOf(editOf(2, 2, "2"));
  await chat.ask("as a number");
  assert.equal(chat.asked[1]?.document.text, TEXT);
  assert.deepEqual(chat.asked[1].pending?.instructions, ["shout"]);
  assert.equal(chat.desk.text, TEXT.replace("two", "2"));
});

test("after the user has changed the edit that is shown, that text is what is asked about", async () => {
  const chat = await Chat.open();
  await chat.ask();
  chat.desk.document.type(5, "typed ");
  const text = chat.desk.text;
  chat.answer = answerOf(editOf(2, 2, "2", text));
  await chat.ask("as a number");
  assert.equal(chat.asked[1]?.document.text, text);
  assert.equal(chat.asked[1].pending, undefined);
  assert.match(chat.desk.text, /\n2\n[\s\S]*typed five/u);
});

test("what the user types into the edit while the next one is being written is left alone", async () => {
  const chat = await Chat.open();
  await chat.ask();
  chat.answer = answerOf(editOf(2, 2, "2"));
  chat.meanwhile = () => {
    chat.desk.document.type(2, "my ");
  };
  const { errorDetails } = await chat.ask("as a number");
  assert.match(errorDetails?.message ?? "", /Nothing was written/u);
  assert.equal(chat.desk.text, TEXT.replace("two", "my TWO"));
});

test("what the user had not saved before is not saved when an edit is kept", async () => {
  const chat = await Chat.open();
  chat.desk.document.type(5, "typed ");
  await chat.ask();
  const action = { kind: "chatEditingSessionAction", uri: chat.desk.uri, outcome: ACCEPTED };
  registered.acted.fire({ action });
  await until(() => chat.outcomes.length > 0);
  assert.equal(chat.desk.disk, TEXT);
  assert.equal(chat.desk.document.isDirty, true);
});

test("an answer without a change touches nothing", async () => {
  const chat = await Chat.open();
  chat.answer = { ...TWO, unchanged: true };
  await chat.ask();
  assert.equal(chat.desk.document.version, 1);
});

test("asking for nothing is answered in the box, and no model is asked", async () => {
  const chat = await Chat.open();
  const { errorDetails } = await chat.ask("  ");
  assert.match(errorDetails?.message ?? "", /Nothing was asked for/u);
  assert.deepEqual(chat.asked, []);
});
