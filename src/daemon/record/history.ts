/**
 * What has ended, in both directions: one JSON line each, flushed before the
 * append counts as done. A damaged line is passed over, never mended.
 */

import { type FileHandle, open } from "node:fs/promises";
import type { HistoryView } from "../../control/schema.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";

/** Read from the end of the file in pieces of this size (bytes). */
const PIECE = 64 * 1024;
/** A line is cut off as damaged beyond this (bytes): no honest one is as long. */
const MAX_LINE = 4 * 1024 * 1024;

export class History {
  readonly #path: string;
  readonly #file: FileHandle;
  #appending: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Throws E_STATE when the file cannot be used. */
  static async open(path: string): Promise<History> {
    try {
      const file = await open(path, "a", 0o600);
      // A line that a crash cut short must not swallow the next one.
      if ((await file.stat()).size > 0) await file.write("\n");
      return new History(path, file);
    } catch (error) {
      throw new LanxferError("E_STATE", { path, text: systemCode(error) ?? String(error) }, { cause: error });
    }
  }

  /** Resolves when the line is on the disk. Appends happen in the order of the calls. */
  append(line: HistoryView): Promise<void> {
    const append = this.#appending.then(async () => {
      await this.#file.appendFile(`${JSON.stringify(line)}\n`);
      await this.#file.datasync();
    });
    this.#appending = append.catch(() => {});
    return append;
  }

  /** The last lines, newest first; `wanted` filters before counting. */
  async read(limit: number, wanted: (line: HistoryView) => boolean = () => true): Promise<HistoryView[]> {
    const found: HistoryView[] = [];
    for await (const line of this.newestFirst()) {
      if (wanted(line)) found.push(line);
      if (found.length >= limit) break;
    }
    return found;
  }

  async *newestFirst(): AsyncGenerator<HistoryView, void> {
    for await (const text of linesFromEnd(this.#path)) {
      const line = parse(text);
      if (line !== undefined) yield line;
    }
  }

  async close(): Promise<void> {
    await this.#appending;
    await this.#file.close();
  }
}

function parse(text: string): HistoryView | undefined {
  try {
    const line: unknown = JSON.parse(text);
    const ours = typeof line === "object" && line !== null && "v" in line && line.v === 1 && "items" in line;
    return ours ? (line as HistoryView) : undefined; // version 1 has this shape: we wrote it
  } catch {
    return undefined;
  }
}

async function* linesFromEnd(path: string): AsyncGenerator<string> {
  const file = await open(path, "r");
  try {
    let end = (await file.stat()).size;
    let rest = Buffer.alloc(0);
    while (end > 0) {
      const start = Math.max(0, end - PIECE);
      const piece = Buffer.alloc(end - start);
      await file.read(piece, 0, piece.length, start);
      end = start;
      rest = Buffer.concat([piece, rest]);
      for (let at = rest.lastIndexOf(10); at >= 0; at = rest.lastIndexOf(10)) {
        const line = rest.subarray(at + 1);
        if (line.length > 0) yield line.toString("utf8");
        rest = rest.subarray(0, at);
      }
      if (rest.length > MAX_LINE) rest = Buffer.alloc(0);
    }
    if (rest.length > 0) yield rest.toString("utf8");
  } finally {
    await file.close();
  }
}
