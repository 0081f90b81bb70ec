/**
 * The content of a source file as blocks ready to be sent. A file that is not
 * the one that was listed, or that changes while it is read, is E_SOURCE_CHANGED:
 * the other end never gets a mixture.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Budget } from "../core/ahead.ts";
import { LanxferError, systemCode } from "../core/errors.ts";
import { blocksOf } from "./blocks.ts";
import { BLOCK_PREFIX } from "./frames.ts";
import type { SharedReader } from "./shared-reads.ts";
import { type SourceEntry, sourceError } from "./source.ts";
import { BLOCK_SIZE } from "./wire.ts";

/** Files up to this size are read whole, many at a time (bytes). */
const SMALL = 64 * 1024;

/** One block: the content stands behind BLOCK_PREFIX bytes of room. Call `release` when it has left. */
export interface Block {
  readonly frame: Buffer;
  readonly release: () => void;
}

/** An entry and a way to its content. Holds nothing open until it is read. */
export interface Prepared {
  readonly entry: SourceEntry;
  /** The blocks from number `from` up to but without `to`: all of them, unless said. */
  blocks(from?: number, to?: number): AsyncGenerator<Block, void>;
}

/** Memory for blocks under way: enough to read, hash and send at the same time. */
export class FramePool {
  readonly #budget: Budget;
  readonly #free: Buffer[] = [];

  constructor(frames: number) {
    this.#budget = new Budget(frames);
  }

  async take(): Promise<Block> {
    await this.#budget.take(1);
    const frame = this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_PREFIX + BLOCK_SIZE);
    return {
      frame,
      release: () => {
        this.#free.push(frame);
        this.#budget.give(1);
      },
    };
  }
}

/** Where content comes from, besides the file. */
export interface Supply {
  readonly pool: FramePool;
  /** Where several transfers read the same. */
  readonly shared?: SharedReader | undefined;
}

/** Opens an entry. A small file is read at once. */
export async function prepare(entry: SourceEntry, supply: Supply): Promise<Prepared> {
  if (!isSmall(entry)) return unread(entry, supply);
  const { shared } = supply;
  if (shared === undefined) return inMemory(entry, await readWhole(entry));
  // A copy: each transfer writes its own numbers in front of it.
  return inMemory(entry, Buffer.from(await shared.once(factsOf(entry), () => readWhole(entry))));
}

/** Equal for what two walks found unchanged. */
export function factsOf({ source, inode, modified, size }: SourceEntry): string {
  return `${source}\0${inode}:${modified}:${size}`;
}

async function readWhole(entry: SourceEntry): Promise<Buffer> {
  const handle = await openSource(entry);
  try {
    const frame = Buffer.allocUnsafeSlow(BLOCK_PREFIX + entry.size);
    await fill(handle, frame, 0, entry);
    await assertUnchanged(handle, entry);
    return frame;
  } finally {
    await handle.close();
  }
}

/** A file that is read whole, together with others. */
export function isSmall({ type, size }: SourceEntry): boolean {
  return type === "file" && size <= SMALL;
}

/** A small file that was read; or why it could not be, which is said when its turn comes. */
export function inMemory(entry: SourceEntry, content: Buffer | Error): Prepared {
  return {
    entry,
    async *blocks(from = 0, to = blocksOf(entry.size)) {
      if (content instanceof Error) throw content;
      if (from < to) yield { frame: content, release: () => {} };
    },
  };
}

/** The same for an entry whose content is perhaps not wanted: it is not even opened before it is. */
export function unread(entry: SourceEntry, supply: Supply): Prepared {
  return {
    entry,
    async *blocks(from = 0, to = blocksOf(entry.size)) {
      if (from >= to) return;
      const handle = await openSource(entry);
      try {
        yield* readBlocks(handle, entry, supply, from, to);
        await assertUnchanged(handle, entry);
      } finally {
        await handle.close();
      }
    },
  };
}

/** Reads one block ahead of the consumer. */
async function* readBlocks(
  handle: FileHandle,
  entry: SourceEntry,
  { pool, shared }: Supply,
  from: number,
  to: number,
): AsyncGenerator<Block, void> {
  const read = async (number: number): Promise<Block> => {
    const block = await pool.take();
    try {
      const at = number * BLOCK_SIZE;
      const frame = block.frame.subarray(0, BLOCK_PREFIX + Math.min(BLOCK_SIZE, entry.size - at));
      if (shared === undefined) await fill(handle, frame, at, entry);
      else (await shared.once(`${factsOf(entry)}@${at}`, () => readBlock(handle, frame.length, at, entry))).copy(frame);
      return { frame, release: block.release };
    } catch (error) {
      block.release();
      throw error;
    }
  };
  let ahead: Promise<Block> | undefined = read(from);
  try {
    for (let next = from + 1; ahead !== undefined; next++) {
      const block: Block = await ahead;
      ahead = next < to ? read(next) : undefined;
      ahead?.catch(() => {}); // met when its turn comes
      yield block;
    }
  } finally {
    // The consumer stopped early: what was read ahead goes back to the pool.
    const left = await ahead?.catch(() => undefined);
    left?.release();
  }
}

async function openSource(entry: SourceEntry): Promise<FileHandle> {
  try {
    // O_NONBLOCK: a pipe that took the file's place must not hang us.
    const handle = await open(entry.source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      await assertUnchanged(handle, entry);
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw readError(error, entry);
  }
}

/** Why the file of an entry cannot be read, in our words. */
export function readError(error: unknown, entry: SourceEntry): LanxferError {
  // It was a file when it was listed; now it is a link (ELOOP) or a socket (ENXIO).
  const swapped = systemCode(error) === "ELOOP" || systemCode(error) === "ENXIO";
  if (swapped) return new LanxferError("E_SOURCE_CHANGED", { path: entry.source }, { cause: error });
  return sourceError(error, entry.source);
}

async function assertUnchanged(handle: FileHandle, entry: SourceEntry): Promise<void> {
  const now = await handle.stat();
  const same = now.isFile() && now.ino === entry.inode && now.size === entry.size && now.mtimeMs === entry.modified;
  if (!same) throw new LanxferError("E_SOURCE_CHANGED", { path: entry.source });
}

async function readBlock(handle: FileHandle, length: number, at: number, entry: SourceEntry): Promise<Buffer> {
  const frame = Buffer.allocUnsafeSlow(length);
  await fill(handle, frame, at, entry);
  return frame;
}

async function fill(handle: FileHandle, frame: Buffer, at: number, entry: SourceEntry): Promise<void> {
  for (let filled = BLOCK_PREFIX; filled < frame.length; ) {
    const position = at + filled - BLOCK_PREFIX;
    const { bytesRead } = await handle.read(frame, filled, frame.length - filled, position).catch((error) => {
      throw sourceError(error, entry.source);
    });
    if (bytesRead === 0) throw new LanxferError("E_SOURCE_CHANGED", { path: entry.source });
    filled += bytesRead;
  }
}
