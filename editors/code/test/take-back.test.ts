/** The button that takes a change back: exactly that change, or nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { takeBack } from "../src/features/apply";

import { Desk, TEXT } from "./desk";

const AFTER = TEXT.replace("two", "TWO");

async function written(): Promise<Desk> {
  const desk = await Desk.open();
  desk.document.type(2, "");
  await desk.document.save();
  return desk;
}

test("what was written is taken back, and the file is as it was", async () => {
  const desk = await Desk.open(AFTER);
  await takeBack(desk.uri, TEXT, AFTER);
  assert.deepEqual([desk.text, desk.disk], [TEXT, TEXT]);
});

test("what was typed since is not taken back with it", async () => {
  const desk = await Desk.open(AFTER);
  desk.document.type(5, "typed ");
  const text = desk.text;
  await assert.rejects(takeBack(desk.uri, TEXT, AFTER), /can't be taken back alone/u);
  assert.deepEqual([desk.text, desk.disk], [text, AFTER]);
});

test("where the change was not saved, taking it back saves nothing", async () => {
  const desk = await written();
  desk.document.type(3, "other\n");
  const after = desk.text;
  await takeBack(desk.uri, TEXT, after);
  assert.equal(desk.text, TEXT);
  assert.equal(desk.document.isDirty, true);
});

test("taking back is itself one step of undo", async () => {
  const desk = await Desk.open(AFTER);
  await takeBack(desk.uri, TEXT, AFTER);
  desk.document.undo();
  assert.equal(desk.text, AFTER);
});
