/**
 * Lines of text in a file that only grows, flushed one by one. When it has its
 * size it is set aside (`history.1.jsonl`, and so on) and a new one begun; the
 * oldest of those goes. Read from the newest line back, in pieces.
 *
 * What a crash or a full disk leaves of a line stays a line of its own: no other
 * one is lost with it. What lines mean is not known here.
 */

import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../../core/errors.ts";
import { syncDirectory } from "../../identity/state-file.ts";

/** Read from the end of a file in pieces of this size (bytes). */
const PIECE = 64 * 1024;
/** No honest line is longer: ten thousand items with the longest names and paths (bytes). */
const MAX_LINE = 64 * 1024 * 1024;
const LINE_FEED = 10;

export interface RotationOptions {
  /** A file is set aside before it gets larger, unless by its first line. */
  readonly bytes: number;
  /** How many files there are at most, with the one that grows. */
  readonly files: number;
}

export interface Line {
  /** Undefined for one that is too long. */
  readonly text: string | undefined;
  /** Tells a line from every other one, as long as it exists. */
  readonly place: string;
}

export class RotatedLines {
  readonly #path: string;
  readonly #options: RotationOptions;
  #file: FileHandle;
  #size: number;
  /** Bytes of the files that were set aside. */
  #aside: number;
  /** The file ends with a whole line. */
  #whole: boolean;
  /** Work on the files, one after another. Never rejects. */
  #work: Promise<unknown> = Promise.resolve();

  private constructor(path: string, options: RotationOptions, file: FileHandle, size: number, aside: number) {
    this.#path = path;
    this.#options = options;
    this.#file = file;
    this.#size = size;
    this.#aside = aside;
    this.#whole = size === 0;
  }

  /** Throws what the system says. */
  static async open(path: string, options: RotationOptions): Promise<RotatedLines> {
    const file = await append(path);
    let aside = 0;
    for (let n = 1; n < options.files; n++) aside += (await stat(nthOf(path, n)).catch(() => undefined))?.size ?? 0;
    return new RotatedLines(path, options, file, (await file.stat()).size, aside);
  }

  /** Of all files. */
  get bytes(): number {
    return this.#aside + this.#size;
  }

  /** Resolves when the line, which has no line feed in it, is on the disk. Appends happen in the order of the calls. */
  append(text: string): Promise<void> {
    return this.#inTurn(async () => {
      // What was there before may have ended in the middle of a line.
      const line = `${this.#whole ? "" : "\n"}${text}\n`;
      const bytes = Buffer.byteLength(line);
      if (this.#size > 0 && this.#size + bytes > this.#options.bytes) await this.#rotate();
      this.#whole = false;
      try {
        await this.#file.appendFile(line);
        this.#whole = true;
      } finally {
        this.#size = (await this.#file.stat()).size;
      }
      await this.#file.datasync();
    });
  }

  /** The lines that are there now, the newest first; empty ones are left out. */
  async *newestFirst(): AsyncGenerator<Line, void> {
    // In turn: between two renames a file would be met twice, or not at all.
    const files = await this.#inTurn(() => this.#openAll());
    try {
      for (const { handle, size, inode } of files) {
        for await (const { text, start } of linesFromEnd(handle, size)) {
          if (text !== "") yield { text, place: `${inode}:${start}` };
        }
      }
    } finally {
      for (const { handle } of files) await handle.close();
    }
  }

  async close(): Promise<void> {
    await this.#work;
    await this.#file.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  async #openAll(): Promise<{ handle: FileHandle; size: number; inode: number }[]> {
    const files: { handle: FileHandle; size: number; inode: number }[] = [];
    try {
      for (let n = 0; n < this.#options.files; n++) {
        const handle = await open(nthOf(this.#path, n), "r").catch(unlessMissing);
        if (handle === undefined) continue;
        files.push({ handle, size: 0, inode: 0 });
        const { size, ino } = await handle.stat();
        files.splice(-1, 1, { handle, size, inode: ino });
      }
      return files;
    } catch (error) {
      for (const { handle } of files) await handle.close();
      throw error;
    }
  }

  async #rotate(): Promise<void> {
    const { files } = this.#options;
    // The last one first: a crash in between leaves a number out and loses no file.
    for (let n = files - 1; n > 0; n--)
      await rename(nthOf(this.#path, n - 1), nthOf(this.#path, n)).catch(unlessMissing);
    const next = await append(this.#path);
    await syncDirectory(dirname(this.#path));
    await this.#file.close();
    this.#file = next;
    this.#size = 0;
    this.#aside = 0;
    for (let n = 1; n < files; n++) this.#aside += (await stat(nthOf(this.#path, n)).catch(() => undefined))?.size ?? 0;
  }
}

/** `history.jsonl`, then `history.1.jsonl` and so on. */
function nthOf(path: string, n: number): string {
  return n === 0 ? path : path.replace(/(\.[^./]*)?$/, `.${n}$1`);
}

function append(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
}

function unlessMissing(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT") throw error;
}

async function* linesFromEnd(
  file: FileHandle,
  size: number,
): AsyncGenerator<{ text: string | undefined; start: number }> {
  /** What was read of the line whose beginning was not, the first piece first. */
  let tail: Buffer[] = [];
  let length = 0;
  const take = (head: Buffer, start: number) => {
    const long = length + head.length > MAX_LINE;
    const text = long ? undefined : Buffer.concat([head, ...tail]).toString("utf8");
    tail = [];
    length = 0;
    return { text, start };
  };
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - PIECE);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    const piece = buffer.subarray(0, bytesRead);
    let to = piece.length;
    while (to > 0) {
      const at = piece.lastIndexOf(LINE_FEED, to - 1);
      if (at < 0) break;
      yield take(piece.subarray(at + 1, to), start + at + 1);
      to = at;
    }
    const head = piece.subarray(0, to);
    length += head.length;
    if (length > MAX_LINE) tail = [];
    else tail.unshift(head);
    end = start;
  }
  if (length > 0) yield take(Buffer.alloc(0), 0);
}
