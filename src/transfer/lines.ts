/** The lines of a file that only grows, of which a crash may have cut the last one short. */

import type { FileHandle } from "node:fs/promises";

/** Read in pieces of this size (bytes). */
const PIECE = 256 * 1024;

export interface Line {
  /** Undefined when it is longer than any honest one. */
  readonly text: string | undefined;
  /** Where the next line begins (bytes). */
  readonly end: number;
}

/** The lines that have an end, from the start of the file. None is longer than `longest` bytes in memory. */
export async function* linesOf(file: FileHandle, longest: number): AsyncGenerator<Line, void> {
  const piece = Buffer.allocUnsafe(PIECE);
  let begun = Buffer.alloc(0);
  let tooLong = false;
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, piece.length, position);
    if (bytesRead === 0) return;
    const got = piece.subarray(0, bytesRead);
    let from = 0;
    for (let at = got.indexOf("\n"); at >= 0; at = got.indexOf("\n", from)) {
      const bytes = begun.length === 0 ? got.subarray(from, at) : Buffer.concat([begun, got.subarray(from, at)]);
      const whole = !tooLong && bytes.length <= longest;
      from = at + 1;
      yield { text: whole ? bytes.toString("utf8") : undefined, end: position + from };
      begun = Buffer.alloc(0);
      tooLong = false;
    }
    tooLong ||= begun.length + got.length - from > longest;
    begun = tooLong ? Buffer.alloc(0) : Buffer.concat([begun, got.subarray(from)]);
    position += bytesRead;
  }
}
