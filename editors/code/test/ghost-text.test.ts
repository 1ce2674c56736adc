/** Suggestions at the cursor: which text they replace, and when there are none. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { registerGhostText } from "../src/features/ghost-text";
import type { CompleteAnswer, CompleteParams, NextEditParams } from "../src/generated/protocol";

import { Desk, TEXT, until } from "./desk";
import {
  commands,
  InlineCompletionTriggerKind,
  Position,
  Range,
  registered,
  screen,
} from "./editor";
import type { InlineCompletionItem } from "./editor";
import { CancellationSource } from "./editor/events";
import type { TextDocument } from "./editor/text";
import { hostError, hostStatus } from "./fake-host";
import type { Answers } from "./fake-host";
import { USAGE } from "./samples";

interface Provider {
  provideInlineCompletionItems(
    document: TextDocument,
    position: Position,
    context: { triggerKind: number },
    token: CancellationSource["token"],
  ): Promise<InlineCompletionItem[]>;
}

const SHOWN: CompleteAnswer = {
  suggestion: { text: "wo = 2", replaces: 2 },
  usage: USAGE,
  debounceMs: 1,
};
const OFF = { reason: "off", text: "suggestions are turned off" } as const;

async function writing(answers: Answers): Promise<Desk> {
  const desk = await Desk.open(TEXT, answers);
  registerGhostText(desk.host, desk.notifier);
  return desk;
}

async function suggested(
  desk: Desk,
  { explicit = false, source = new CancellationSource() } = {},
): Promise<InlineCompletionItem[]> {
  const { Automatic, Invoke } = InlineCompletionTriggerKind;
  const context = { triggerKind: explicit ? Invoke : Automatic };
  const provider = registered.completion as Provider;
  return await provider.provideInlineCompletionItems(
    desk.document,
    new Position(1, 1),
    context,
    source.token,
  );
}

test("a suggestion replaces what the host says behind the cursor, and nothing before it", async () => {
  const desk = await writing({ complete: () => SHOWN });
  const [item] = await suggested(desk);
  assert.equal(item?.insertText, "wo = 2");
  assert.deepEqual(item.range, new Range(1, 1, 1, 3));
  assert.equal(desk.text, TEXT);
});

test("the host is asked about the text in the editor, not the one on the disk", async () => {
  const seen: CompleteParams[] = [];
  const desk = await writing({
    complete: (params) => {
      seen.push(params);
      return SHOWN;
    },
  });
  desk.document.type(2, "x");
  await suggested(desk);
  assert.equal(seen[0]?.document.text, TEXT.replace("two", "xtwo"));
  assert.deepEqual(seen[0].position, { line: 2, character: 1 });
});

test("an answer that comes after the next key is not shown", async () => {
  const source = new CancellationSource();
  const desk = await writing({
    complete: () => {
      source.cancel();
      return SHOWN;
    },
  });
  assert.deepEqual(await suggested(desk, { source }), []);
});

test("a key during the pause spares the request", async () => {
  const desk = await writing({ complete: () => SHOWN });
  const source = new CancellationSource();
  const items = suggested(desk, { source });
  source.cancel();
  assert.deepEqual(await items, []);
  assert.ok(!desk.fake.seen.some(({ method }) => method === "complete"));
});

test("where nothing is suggested anywhere, nothing is asked while typing, and all the same on demand", async () => {
  const status = hostStatus({ state: "idle" }, { noGhostText: OFF });
  const desk = await writing({ complete: () => SHOWN, status: () => status });
  await until(() => desk.host.status !== undefined);
  assert.deepEqual(await suggested(desk), []);
  assert.equal((await suggested(desk, { explicit: true })).length, 1);
});

test("a failure disturbs nobody who types, and is told to whoever asks", async () => {
  const desk = await writing({
    complete: () => {
      throw hostError({ code: "noModel", message: "no model is installed" });
    },
  });
  assert.deepEqual(await suggested(desk), []);
  assert.deepEqual(screen.messages, []);
  await commands.executeCommand("localcoder.whyNoSuggestion");
  assert.match(desk.told, /No model is installed/u);
});

test("turning suggestions off for a language leaves the others as they are", async () => {
  const desk = await writing({});
  screen.settings.set("localcoder.ghostText.languagesOff", ["rust"]);
  await commands.executeCommand("localcoder.toggleSuggestionsForLanguage");
  assert.deepEqual(screen.settings.get("localcoder.ghostText.languagesOff"), ["python", "rust"]);
  await commands.executeCommand("localcoder.toggleSuggestionsForLanguage");
  assert.deepEqual(screen.settings.get("localcoder.ghostText.languagesOff"), ["rust"]);
  assert.equal(desk.text, TEXT);
});

const NOTHING: CompleteAnswer = {
  nothing: { reason: "midWord", text: "the cursor is in the middle of a word" },
  usage: USAGE,
  debounceMs: 1,
};

test("what follows elsewhere is asked for once something was changed, and replaces whole lines", async () => {
  const seen: NextEditParams[] = [];
  const range = { start: 3, end: 3 };
  const edit = { range, original: "three", replacement: "trois", because: "pattern" } as const;
  const desk = await writing({
    complete: () => NOTHING,
    predictEdit: (params) => {
      seen.push(params);
      return { edit, usage: USAGE };
    },
  });
  assert.deepEqual(await suggested(desk), []);
  assert.equal(seen.length, 0, "nothing was changed yet");
  desk.document.type(2, "x");
  const [item] = await suggested(desk);
  assert.equal(item?.insertText, "trois");
  assert.deepEqual(item.range, new Range(2, 0, 2, desk.document.lineAt(2).text.length));
  assert.deepEqual(seen[0]?.edits.at(-1)?.line, 2);
});

test("a next edit that comes after the next key is not shown", async () => {
  const source = new CancellationSource();
  const range = { start: 3, end: 3 };
  const edit = { range, original: "three", replacement: "trois", because: "pattern" } as const;
  const desk = await writing({
    complete: () => NOTHING,
    predictEdit: () => {
      source.cancel();
      return { edit, usage: USAGE };
    },
  });
  await suggested(desk);
  desk.document.type(2, "x");
  assert.deepEqual(await suggested(desk, { source }), []);
});

test("the status item says why there is no suggestion, and that there was one", async () => {
  let answer = NOTHING;
  const desk = await writing({ complete: () => answer });
  assert.match(registered.status?.detail ?? "", /Nothing was asked for yet/u);
  await suggested(desk);
  assert.match(registered.status?.detail ?? "", /in the middle of a word/u);
  answer = SHOWN;
  await suggested(desk);
  assert.match(registered.status?.detail ?? "", /was shown/u);
});
