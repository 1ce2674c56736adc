/** What pending edits do to the user's files: everything they were told to, or nothing. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { URI } from "vscode-uri";

import { COMMANDS } from "../src/generated/protocol";

import { answerOf, Desk, editOf, IMPROVE, TEXT, until } from "./desk";
import { commands, screen } from "./editor";

const TWO = editOf(2, 2, "TWO");
const FOUR = editOf(4, 4, "FOUR\nfour and a half");
const BOTH = answerOf(TWO, FOUR);

test("an edit that waits is in neither the document nor its file", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  assert.equal(screen.proposed(), TEXT.replace("two", "TWO"));
  assert.deepEqual([desk.text, desk.disk, desk.document.version], [TEXT, TEXT, 1]);
});

test("an edit that is kept replaces its lines and no others, and is saved", async () => {
  const desk = await Desk.open();
  await desk.show(BOTH);
  await desk.press("applyImprovement");
  assert.equal(desk.disk, "one\nTWO\nthree\nFOUR\nfour and a half\nfive\n");
  assert.equal(desk.document.isDirty, false);
  const [outcome] = desk.outcomes;
  assert.deepEqual([outcome?.all, outcome?.kept, outcome?.written?.before], [2, 2, TEXT]);
});

test("Windows line ends stay as they are", async () => {
  const text = TEXT.replaceAll("\n", "\r\n");
  const desk = await Desk.open(text);
  await desk.show(answerOf(FOUR));
  await desk.press("applyImprovement");
  assert.equal(desk.disk, text.replace("four", "FOUR\r\nfour and a half"));
});

test("one step of undo takes back all changes and what they needed imported", async () => {
  const desk = await Desk.open();
  await desk.show({ ...BOTH, imports: editOf(1, 1, "import math\none") });
  await desk.press("applyImprovement");
  assert.match(desk.text, /^import math\none\nTWO\n/u);
  desk.document.undo();
  assert.equal(desk.text, TEXT);
});

test("what the user has not saved is not saved for them", async () => {
  const desk = await Desk.open();
  desk.document.type(5, "typed ");
  await desk.show(answerOf(TWO));
  await desk.press("applyImprovement");
  assert.equal(desk.text, "one\nTWO\nthree\nfour\ntyped five\n");
  assert.equal(desk.disk, TEXT);
});

test("lines that were typed above meanwhile are kept, and the edit goes below them", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  desk.document.type(1, "zero\n");
  await desk.press("applyImprovement");
  assert.equal(desk.text, "zero\none\nTWO\nthree\nfour\nfive\n");
});

test("nothing is written over lines that the user has changed meanwhile", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  desk.document.type(2, "my ");
  await desk.press("applyImprovement");
  assert.equal(desk.text, TEXT.replace("two", "my two"));
  assert.equal(desk.disk, TEXT);
  assert.match(desk.told, /were changed/u);
  assert.deepEqual(desk.outcomes, []);
});

test("of two changes the one whose lines were changed meanwhile is left out, and that is said", async () => {
  const desk = await Desk.open();
  await desk.show(BOTH);
  desk.document.type(2, "my ");
  await desk.document.save();
  // The diff follows the document once that has been unchanged for a while.
  await until(() => screen.messages.length > 0);
  await desk.press("applyImprovement");
  assert.equal(desk.disk, "one\nmy two\nthree\nFOUR\nfour and a half\nfive\n");
  assert.match(desk.told, /1 of 2 changes could not be kept/u);
});

test("a document that changes while the host looks for the place is asked about again", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  desk.meanwhile.push(() => {
    desk.document.type(1, "zero\n");
  });
  await desk.press("applyImprovement");
  assert.equal(desk.text, "zero\none\nTWO\nthree\nfour\nfive\n");
});

test("a document that never rests is left alone", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  const asked = desk.asked;
  for (let time = 0; time < 9; time += 1) {
    desk.meanwhile.push(() => {
      desk.document.type(6, "x");
    });
  }
  await desk.press("applyImprovement");
  assert.equal(desk.asked - asked, 5);
  assert.equal(desk.text, `${TEXT}xxxxx`);
  assert.match(desk.told, /Nothing was written/u);
});

test("where the editor refuses the change, nothing is written and the edit waits still", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  screen.accepts = () => false;
  await desk.press("applyImprovement");
  assert.equal(desk.disk, TEXT);
  assert.match(desk.told, /did not accept the change/u);
  screen.accepts = () => true;
  await desk.press("applyImprovement");
  assert.equal(desk.disk, TEXT.replace("two", "TWO"));
});

test("an edit that is dropped writes nothing", async () => {
  const desk = await Desk.open();
  await desk.show(BOTH);
  await desk.press("discardImprovement");
  assert.deepEqual([desk.text, desk.disk, desk.document.version], [TEXT, TEXT, 1]);
  assert.deepEqual([desk.outcomes[0]?.kept, desk.outcomes[0]?.written], [0, undefined]);
});

test("of two changes only the one that was kept is written, and not before both are decided", async () => {
  const desk = await Desk.open();
  await desk.show(BOTH);
  await desk.press("keepChange", 4);
  assert.equal(desk.text, TEXT);
  await desk.press("dropChange", 2);
  assert.equal(desk.disk, "one\ntwo\nthree\nFOUR\nfour and a half\nfive\n");
});

test("what is imported goes with the changes that need it, not alone", async () => {
  const desk = await Desk.open();
  await desk.show({ ...answerOf(TWO), imports: editOf(1, 1, "import math\none") });
  await desk.press("discardImprovement");
  assert.equal(desk.text, TEXT);
});

test("closing the diff writes what was kept and drops what was not decided", async () => {
  const desk = await Desk.open();
  await desk.show(BOTH);
  await desk.press("keepChange", 2);
  screen.closeTab();
  await until(() => desk.outcomes.length > 0);
  assert.equal(desk.disk, TEXT.replace("two", "TWO"));
});

test("a key that is pressed twice writes once", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(editOf(2, 2, "two\ntwo")));
  await Promise.all([desk.press("applyImprovement"), desk.press("applyImprovement")]);
  assert.equal(desk.text, "one\ntwo\ntwo\nthree\nfour\nfive\n");
  assert.equal(desk.outcomes.length, 1);
});

test("a file that programs act on is written only where the user says so", async () => {
  const desk = await Desk.open();
  await desk.show({ ...answerOf(TWO), sensitive: "every build runs it" });
  await desk.press("applyImprovement");
  assert.equal(desk.disk, TEXT);
  assert.equal(screen.messages.at(-1)?.modal, true);
  screen.press = ({ modal }) => (modal ? "Change It" : undefined);
  await desk.press("applyImprovement");
  assert.equal(desk.disk, TEXT.replace("two", "TWO"));
});

test("what was typed while the user was asked is not overwritten", async () => {
  const desk = await Desk.open();
  await desk.show({ ...answerOf(TWO), sensitive: "every build runs it" });
  screen.press = ({ modal }) => {
    if (modal) {
      desk.document.type(2, "my ");
    }
    return "Change It";
  };
  await desk.press("applyImprovement");
  assert.equal(desk.text, TEXT.replace("two", "my two"));
});

test("a part of an edit that does not parse alone is written only where the user says so", async () => {
  const desk = await Desk.open();
  desk.syntaxError = "line 2 is not closed";
  await desk.show(BOTH);
  await desk.press("keepChange", 2);
  await desk.press("dropChange", 4);
  assert.equal(desk.disk, TEXT);
  assert.match(desk.told, /line 2 is not closed/u);
});

test("a file that may not be written is left alone, also by the superuser", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  desk.protect();
  await desk.press("applyImprovement");
  assert.deepEqual([desk.text, desk.disk], [TEXT, TEXT]);
  assert.match(desk.told, /read-only/u);
});

test("a file that a setting makes read-only is left alone", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  screen.settings.set("files.readonlyInclude", { "**a.py": true });
  await desk.press("applyImprovement");
  assert.deepEqual([desk.text, desk.disk], [TEXT, TEXT]);
});

test("a file that was deleted meanwhile does not come back", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  unlinkSync(desk.path);
  await desk.press("applyImprovement");
  assert.throws(() => statSync(desk.path));
  assert.match(desk.told, /no longer there/u);
});

test("what another program wrote is not overwritten by a document that does not show it", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  writeFileSync(desk.path, `${TEXT}six\n`);
  await desk.press("applyImprovement");
  assert.deepEqual([desk.text, desk.disk], [TEXT, `${TEXT}six\n`]);
  assert.match(desk.told, /changed on the disk/u);
});

test("bytes that the editor can't read are not replaced by saving an edit elsewhere", async () => {
  const bytes = Buffer.concat([Buffer.from("one\ntwo\n"), Buffer.from([0xff, 0xfe, 0x0a])]);
  const desk = await Desk.open(bytes);
  await desk.show(answerOf(TWO));
  await desk.press("applyImprovement");
  assert.deepEqual(readFileSync(desk.path), bytes);
  assert.match(desk.told, /bytes that the editor can't read/u);
});

test("a file with two kinds of line ends is edited and not saved", async () => {
  const text = "one\r\ntwo\nthree\n";
  const desk = await Desk.open(text);
  await desk.show(answerOf(TWO));
  await desk.press("applyImprovement");
  assert.equal(desk.text, "one\nTWO\nthree\n");
  assert.equal(desk.disk, text);
  assert.match(desk.told, /more than one kind of line ends/u);
});

test("an edit that can't be saved stays in the editor, and that is said", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  desk.document.save = () => Promise.resolve(false);
  await desk.press("applyImprovement");
  assert.equal(desk.text, TEXT.replace("two", "TWO"));
  assert.equal(desk.disk, TEXT);
  assert.match(desk.told, /was not saved/u);
});

test("an edit follows its file where that is renamed, and the old name stays empty", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  const renamed = join(desk.folder, "b.py");
  await screen.rename(desk.uri, URI.file(renamed), () => {
    renameSync(desk.path, renamed);
  });
  await until(() => screen.compared() === renamed);
  await desk.press("applyImprovement");
  assert.equal(readFileSync(renamed, "utf8"), TEXT.replace("two", "TWO"));
  assert.throws(() => statSync(desk.path));
});

test("of two edits of a document the newer one is written, and nothing of the older one", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  await desk.show(answerOf(FOUR));
  await desk.press("applyImprovement");
  assert.equal(desk.disk, "one\ntwo\nthree\nFOUR\nfour and a half\nfive\n");
  assert.deepEqual(
    desk.outcomes.map(({ kept }) => kept),
    [0, 1],
  );
});

test("after a step back to the version before, that one is written", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  await desk.show(answerOf(editOf(2, 2, "2")), { variation: 1 });
  assert.equal(screen.proposed(), TEXT.replace("two", "2"));
  await desk.press("previousVersion");
  await desk.press("applyImprovement");
  assert.equal(desk.disk, TEXT.replace("two", "TWO"));
});

test("of an edit that is being written nothing can be applied yet", async () => {
  const desk = await Desk.open();
  await desk.previews.draft(IMPROVE, desk.wish, { range: { start: 2, end: 2 }, text: "TW" });
  assert.equal(screen.proposed(), TEXT.replace("two", "TW"));
  await desk.press("applyImprovement");
  assert.deepEqual([desk.text, desk.disk], [TEXT, TEXT]);
});

test("closing an edit that is being written stops it", async () => {
  const desk = await Desk.open();
  const stopped: string[] = [];
  desk.previews.onGivenUp.on((source) => stopped.push(source.toString()));
  await desk.previews.draft(IMPROVE, desk.wish, { range: { start: 2, end: 2 }, text: "TW" });
  screen.closeTab();
  assert.deepEqual(stopped, [desk.uri.toString()]);
  assert.equal(desk.text, TEXT);
});

test("a draft never takes the place of an edit that waits", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  const other = COMMANDS.find(({ id }) => id === "document") ?? IMPROVE;
  await desk.previews.draft(other, desk.wish, { range: { start: 4, end: 4 }, text: "4" });
  assert.equal(screen.proposed(), TEXT.replace("two", "TWO"));
  await desk.press("applyImprovement");
  assert.equal(desk.disk, TEXT.replace("two", "TWO"));
});

test("a change that can be kept again when the user undoes what was in its way is kept", async () => {
  const desk = await Desk.open();
  await desk.show(answerOf(TWO));
  desk.document.type(2, "my ");
  await desk.press("applyImprovement");
  desk.document.undo();
  await desk.press("applyImprovement");
  assert.equal(desk.text, TEXT.replace("two", "TWO"));
});

test("the tab of a window before a restart is closed, since nothing of it can be applied", async () => {
  const desk = await Desk.open();
  const left = desk.uri.with({ scheme: "localcoder-preview", query: "1" });
  await commands.executeCommand("vscode.diff", desk.uri, left);
  const { Previews } = await import("../src/features/previews");
  new Previews(desk.host, desk.notifier).dispose();
  assert.throws(() => screen.proposed());
  assert.match(desk.told, /Nothing was written/u);
  chmodSync(desk.path, 0o644);
});
