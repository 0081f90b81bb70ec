/**
 * What a sender remembers of the files of one transfer that it has sent: whose
 * content they were (size, time, inode) and the digests of their blocks. A
 * further attempt can so take up what the receiver has without reading it again.
 *
 * A file of JSON lines that only grows. It costs the transfer next to nothing:
 * lines are written in batches and flushed to the disk now and then, and when
 * that fails the transfer goes on without. What is missing or damaged in it is
 * read and digested again; what is wrong in it is found out by comparing roots.
 */

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { systemCode } from "../core/errors.ts";
import { blocksOf } from "./blocks.ts";
import { linesOf } from "./lines.ts";
import type { SourceEntry } from "./source.ts";
import { BLOCK_SIZE, DIGEST_SIZE, MiB } from "./wire.ts";

/** Content whose digests a crash may lose (bytes): as much as the receiver may lose as well. */
const SYNC_EVERY = 64 * MiB;
/** Lines are written when there are so many (characters). */
const WRITE_EVERY = 64 * 1024;
/** Digests in one line. */
export const RECORD_EVERY = SYNC_EVERY / BLOCK_SIZE;
/** A line of ours is far shorter, whatever the path (bytes). */
const MAX_LINE = 64 * 1024;

const line = z.object({
  path: z.string().min(1),
  size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  modified: z.number(),
  inode: z.number(),
  /** Number of the first block. */
  from: z.number().int().min(0),
  /** Base64. */
  digests: z.string().min(1),
});

/** What identifies the content of a file, and whose it is. */
type Sent = Pick<SourceEntry, "path" | "size" | "modified" | "inode">;

/** One file in memory. Strings, because a hundred thousand buffers would take several times the room. */
interface Known {
  readonly size: number;
  readonly modified: number;
  readonly inode: number;
  /** A character a byte. */
  readonly digests: string;
}

/** What the lines of a log say, all together. Pure. */
export class SentIndex {
  readonly #files = new Map<string, Known>();

  /** Takes in one line. One that makes no sense, or leaves out what comes before it, is passed over. */
  read(text: string): void {
    const found = parse(text);
    if (found === undefined) return;
    const { path, size, modified, inode, from, digests } = found;
    const before = this.#files.get(path);
    const same = before?.size === size && before.modified === modified && before.inode === inode;
    const known = same ? before.digests : "";
    const start = from * DIGEST_SIZE;
    if (start > known.length) return;
    const all = known.slice(0, start) + digests + known.slice(start + digests.length);
    this.#files.set(path, { size, modified, inode, digests: all });
  }

  /** The digests of the first blocks of this very content, as many as are known. */
  digestsOf(file: Sent): Uint8Array {
    return Buffer.from(this.#digestsOf(file), "latin1");
  }

  /** Whether the first `blocks` blocks of this very content are known. */
  covers(file: Sent, blocks: number): boolean {
    return this.#digestsOf(file).length >= blocks * DIGEST_SIZE;
  }

  /** Whether exactly these digests are known from block `from` on. */
  holds(file: Sent, from: number, digests: Uint8Array): boolean {
    return this.#digestsOf(file).startsWith(Buffer.from(digests).toString("latin1"), from * DIGEST_SIZE);
  }

  #digestsOf({ path, size, modified, inode }: Sent): string {
    const known = this.#files.get(path.join("/"));
    return known?.size === size && known.modified === modified && known.inode === inode ? known.digests : "";
  }
}

/** The line, with its digests as they are kept in memory. */
function parse(text: string): z.infer<typeof line> | undefined {
  try {
    const parsed = line.parse(JSON.parse(text));
    const digests = Buffer.from(parsed.digests, "base64").toString("latin1");
    const end = parsed.from + digests.length / DIGEST_SIZE;
    return Number.isInteger(end) && end <= blocksOf(parsed.size) ? { ...parsed, digests } : undefined;
  } catch {
    return undefined;
  }
}

export class SentLog {
  readonly #path: string;
  readonly #onTrouble: (error: unknown) => void;
  #file: FileHandle | undefined;
  /** All work on the file, one after another. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  #lines: string[] = [];
  #characters = 0;
  /** Bytes of content whose digests are not on the disk yet. */
  #content = 0;
  /** Known to be in the file already: is not written again, so that attempts without end do not make it grow. */
  #index = new SentIndex();
  #closed = false;

  /** `onTrouble` is told once why nothing more is remembered. Nothing is opened or created before it is needed. */
  constructor(path: string, onTrouble: (error: unknown) => void) {
    this.#path = path;
    this.#onTrouble = onTrouble;
  }

  /** Remembers digests of `file` from block `from` on. Returns at once and never fails. */
  add(file: Sent, from: number, digests: Uint8Array): void {
    if (this.#closed || digests.length === 0 || this.#index.holds(file, from, digests)) return;
    const { path, size, modified, inode } = file;
    const base64 = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength).toString("base64");
    const text = `${JSON.stringify({ path: path.join("/"), size, modified, inode, from, digests: base64 })}\n`;
    this.#lines.push(text);
    this.#characters += text.length;
    this.#content += Math.min((digests.length / DIGEST_SIZE) * BLOCK_SIZE, size);
    if (this.#content >= SYNC_EVERY) void this.flush();
    else if (this.#characters >= WRITE_EVERY) void this.#write();
  }

  /** Resolves when all that was added is on the disk, or can never be. */
  flush(): Promise<void> {
    this.#content = 0;
    void this.#write();
    return this.#enqueue(async () => {
      await this.#file?.datasync();
    });
  }

  /** Everything that was added in this run and earlier ones. */
  async read(): Promise<SentIndex> {
    const index = new SentIndex();
    await this.#write();
    await this.#enqueue(async () => {
      const file = await openIfThere(this.#path);
      try {
        if (file !== undefined) {
          for await (const { text } of linesOf(file, MAX_LINE)) if (text !== undefined) index.read(text);
        }
      } finally {
        await file?.close();
      }
    });
    this.#index = index;
    return index;
  }

  /** Forgets everything: the receiver has nothing that it could be good for. */
  clear(): Promise<void> {
    this.#index = new SentIndex();
    this.#take();
    return this.#enqueue(async () => {
      await this.#closeFile();
      await rm(this.#path, { force: true });
    });
  }

  /** Resolves when everything is on the disk and the file is closed. What is added later is lost. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closed) void this.flush();
    this.#closed = true;
    await this.#work;
    await this.#closeFile().catch(this.#onTrouble);
  }

  /** Closes it without writing what waits: nobody will ask for it. */
  async discard(): Promise<void> {
    this.#closed = true;
    this.#take();
    await this.close();
  }

  #write(): Promise<void> {
    const text = this.#take();
    if (text === "") return this.#work;
    return this.#enqueue(async () => {
      this.#file ??= await openToAppend(this.#path);
      await this.#file.appendFile(text);
    });
  }

  #take(): string {
    const text = this.#lines.join("");
    this.#lines = [];
    this.#characters = 0;
    return text;
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      if (!this.#closed) this.#onTrouble(error);
      this.#closed = true;
    });
    return this.#work;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

const PRIVATE = constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | PRIVATE);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Opened for appending; the beginning of a line that a crash cut short is removed. */
async function openToAppend(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | PRIVATE, 0o600);
  try {
    const { size } = await file.stat();
    const end = await endOfLastLine(file, size);
    if (end < size) await file.truncate(end);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const piece = Buffer.allocUnsafe(MAX_LINE);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - piece.length);
    const { bytesRead } = await file.read(piece, 0, end - start, start);
    const at = piece.subarray(0, bytesRead).lastIndexOf("\n");
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}
