/**
 * Compares what is on a disk with what an editor would write there. Reads and writes nothing
 * itself; `features/disk.ts` does.
 */
import { unixEnds } from "./lines";

/** The marks that an editor takes off a text and puts back: of UTF-8 and of both kinds of UTF-16. */
const MARKS = [
  [0xef, 0xbb, 0xbf],
  [0xff, 0xfe],
  [0xfe, 0xff],
] as const;

/**
 * What saving a document does to bytes that were not edited. `none`; `ends`: its line ends become
 * alike; `lossy`: bytes that its encoding can't read are replaced; `stale`: what others wrote is
 * overwritten.
 */
export type Damage = "none" | "ends" | "lossy" | "stale";

/** A document and the file that it comes from. */
export interface Saved {
  /** What is in the file. */
  readonly bytes: Uint8Array;
  /** The same as the editor reads it. */
  readonly read: string;
  /** What the editor writes for what it has read. */
  readonly written: Uint8Array;
  /** The document. */
  readonly text: string;
}

/** See {@link Damage}. */
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
