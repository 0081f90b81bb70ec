/**
 * What a receiver writes down of a transfer while it comes in, so that a further
 * attempt can go on where this one ended (PROTOCOL 4.9): JSON lines in a file
 * beside the parts.
 *
 * The order of writing is what makes it true. A line that claims something is
 * written after that is durable; a line that takes a claim back, and one that
 * says what is about to be published, is durable before it is acted on. What is
 * on the disk and in no line is nobody's, and is removed (held.ts).
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { coalesce } from "../core/ahead.ts";
import { type JournalLine, type JournalRecord, Reading } from "./journal-lines.ts";
import { linesOf } from "./lines.ts";
import { isNotThere, type PinnedDir } from "./pinned.ts";
import { MAX_CONTROL } from "./wire.ts";

/** Parts have numbers for names, so none is called like this. */
export const JOURNAL = "journal";

/** The longest line is that of an offer, which is a message and a little more (bytes). */
const MAX_LINE = MAX_CONTROL + 4096;

/** What a journal says; undefined when there is none, or nothing that can be relied on. Rejects when it cannot be read. */
export async function readJournal(path: string): Promise<JournalRecord | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return undefined;
    const reading = new Reading();
    let length = 0;
    for await (const { text, end } of linesOf(handle, MAX_LINE)) {
      if (text === undefined || !reading.take(text)) return undefined;
      length = end;
    }
    return reading.record(length);
  } catch (error) {
    // Any other failure may pass: what it hides must not be taken for nothing.
    if (isNotThere(error)) return undefined;
    throw error;
  } finally {
    await handle?.close();
  }
}

/** Appends lines, in order. After a failure every further call fails with it. */
export class Journal {
  readonly #handle: FileHandle;
  #buffered: string[] = [];
  #next: number;
  readonly #write: () => Promise<void>;
  readonly #flush: () => Promise<void>;

  private constructor(handle: FileHandle, next: number) {
    this.#handle = handle;
    this.#next = next;
    let writing: Promise<void> = Promise.resolve();
    this.#write = () => {
      writing = writing.then(() => this.#append());
      writing.catch(() => {}); // whoever asked meets it
      return writing;
    };
    this.#flush = coalesce(async () => {
      await this.#write();
      await handle.datasync();
    });
  }

  /** Opens the journal of a staging directory; a new one, unless it goes on after `record`. */
  static async open(dir: PinnedDir, record: JournalRecord | undefined): Promise<Journal> {
    const how = record === undefined ? constants.O_CREAT | constants.O_EXCL : 0;
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | how;
    const handle = await open(dir.path(JOURNAL), flags, 0o600);
    try {
      if (record !== undefined) await handle.truncate(record.length);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new Journal(handle, record?.next ?? 0);
  }

  /** A number for an entry that begins. */
  number(): number {
    return this.#next++;
  }

  /** Takes note of a line; it goes into the file with the next `write` or `sync`. */
  add(line: JournalLine): void {
    this.#buffered.push(`${JSON.stringify(line)}\n`);
  }

  /** Resolves when all lines are in the file. */
  write(): Promise<void> {
    return this.#write();
  }

  /** Resolves when all lines are durable. Calls that overlap share a flush. */
  sync(): Promise<void> {
    return this.#flush();
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.#write().catch(() => {});
    await this.#handle.close().catch(() => {});
  }

  async #append(): Promise<void> {
    if (this.#buffered.length === 0) return;
    const text = this.#buffered.join("");
    this.#buffered = [];
    await this.#handle.appendFile(text);
  }
}
