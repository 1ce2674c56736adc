/**
 * Compares what is on disk with what an editor would write there. Reads and writes nothing itself;
 * `features/disk.ts` does.
 */
import { unixEnds } from "./lines";

/** The byte order marks that an editor strips and writes back: UTF-8 and both kinds of UTF-16. */
const MARKS = [
  [0xef, 0xbb, 0xbf],
  [0xff, 0xfe],
  [0xfe, 0xff],
] as const;

/**
 * What saving a document does to bytes that were not edited. `none`: nothing; `ends`: mixed line
 * ends become alike; `lossy`: bytes that are invalid in its encoding are replaced; `stale`: what
 * others wrote is overwritten.
 */
export type Damage = "none" | "ends" | "lossy" | "stale";

/** A document and its file. */
export interface Saved {
  /** The bytes of the file. */
  readonly bytes: Uint8Array;
  /** The file as the editor reads it. */
  readonly read: string;
  /** What the editor would write for the text that it read. */
  readonly written: Uint8Array;
  /** The text of the document. */
  readonly text: string;
}

/** What saving would do to the file. */
export function damageOf({ bytes, read, written, text }: Saved): Damage {
  const onDisk = read.replace(/^\uFEFF/u, "");
  if (unixEnds(onDisk) !== unixEnds(text)) {
    return "stale";
  }
  if (Buffer.compare(withoutMark(bytes), withoutMark(written)) !== 0) {
    return "lossy";
  }
  return onDisk === text ? "none" : "ends";
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  const mark = MARKS.find((it) => it.every((byte, at) => bytes[at] === byte));
  return bytes.subarray(mark?.length ?? 0);
}
