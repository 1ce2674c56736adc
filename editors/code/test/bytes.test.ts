/** What saving does to bytes that were not edited. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { damageOf } from "../src/lib/bytes";

/** Saves like an editor that reads UTF-8 and drops the byte order mark. */
function saving(bytes: Uint8Array, text: string): string {
  const read = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return damageOf({ bytes, read, written: Buffer.from(read.replace(/^\uFEFF/u, "")), text });
}

test("a file that is what the editor shows is saved as it is, with its mark or without", () => {
  assert.equal(saving(Buffer.from("a\r\né\r\n"), "a\r\né\r\n"), "none");
  assert.equal(saving(Buffer.from("\uFEFFa\n"), "a\n"), "none");
  assert.equal(saving(Buffer.from(""), ""), "none");
});

test("line ends of two kinds, bytes that can't be read and changes of others are seen", () => {
  assert.equal(saving(Buffer.from("a\r\nb\nc\n"), "a\nb\nc\n"), "ends");
  assert.equal(saving(Buffer.from([0x61, 0xe9, 0x0a]), "a\uFFFD\n"), "lossy");
  assert.equal(saving(Buffer.from([0x0d, 0x0a, 0xe9, 0x0a]), "\n\uFFFD\n"), "lossy");
  assert.equal(saving(Buffer.from("a\nb\n"), "a\n"), "stale");
  assert.equal(saving(Buffer.from(""), "a"), "stale");
});

test("the marks of UTF-16 are not a difference", () => {
  const bytes = Buffer.from([0xff, 0xfe, 0x61, 0x00]);
  const written = bytes.subarray(2);
  assert.equal(damageOf({ bytes, read: "\uFEFFa", written, text: "a" }), "none");
  const big = Buffer.from([0xfe, 0xff, 0x00, 0x61]);
  assert.equal(damageOf({ bytes: big, read: "a", written: big, text: "a" }), "none");
});
