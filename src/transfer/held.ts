/**
 * What earlier attempts at a transfer have left in its staging directory: the
 * journal's claims held against what is really on the disk. What does not agree
 * is forgotten, and what nobody claims is removed.
 */

import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, rm } from "node:fs/promises";
import { systemCode } from "../core/errors.ts";
import { blocksOf, bytesIn, DigestList, digestBlock } from "./blocks.ts";
import { JOURNAL } from "./journal.ts";
import { type Facts, type JournalRecord, keyOf, type Recorded } from "./journal-lines.ts";
import { clampTime } from "./part.ts";
import { PinnedDir } from "./pinned.ts";
import { statsOf } from "./settle.ts";
import { BLOCK_SIZE, type MessageOf, MiB } from "./wire.ts";

type HaveItem = MessageOf<"have">["items"][number];

/** An entry that is here. */
export interface HeldEntry {
  readonly n: number;
  readonly facts: Facts;
  /** In staging, in the folder around it. */
  readonly name: string;
  /** Whole blocks; of a finished file all of them, of a folder 0. */
  readonly blocks: number;
  /** Of these blocks. Empty when it is finished. */
  readonly digests: DigestList;
  /** Over the digests; empty for a folder. */
  readonly root: string;
  /** A file that has its attributes and is flushed whole. */
  readonly finished: boolean;
  /** It, or the folder it is in, is under its final name. */
  readonly published: boolean;
  /** That name, of a top-level item. */
  readonly as: string | undefined;
}

/** By path (`keyOf`); what is inside a folder comes after it. */
export type Held = ReadonlyMap<string, HeldEntry>;

/**
 * A part that a crash left open is read again from its start up to this size:
 * that costs less than asking who else may have written to it. Of larger ones
 * only what was not flushed.
 */
const CHECKED_WHOLE = 256 * MiB;
/** A write later than this after the last one that the journal knows was not ours (milliseconds). */
const LATE_WRITE_MS = 100;
/** The coarsest time of modification of a file system in use, that of FAT (milliseconds). */
const COARSE_TIME_MS = 2_000;

const NO_DIGESTS = new DigestList();

/**
 * Finds out what is held. Beyond removing what nobody claims it changes nothing;
 * what was being published has to be settled before (settle.ts).
 */
export async function findHeld(record: JournalRecord, staged: PinnedDir): Promise<Held> {
  const { mtimeMs } = await lstat(staged.path(JOURNAL));
  const inventory = new Inventory(record, mtimeMs);
  await inventory.visit(staged, "", -1);
  return inventory.held;
}

class Inventory {
  readonly held = new Map<string, HeldEntry>();
  /** What is directly inside each folder, by the folder's key. */
  readonly #inside = new Map<string, Recorded[]>();
  /** When the journal was last written to. */
  readonly #lastLine: number;

  constructor(record: JournalRecord, lastLine: number) {
    this.#lastLine = lastLine;
    for (const recorded of record.entries.values()) {
      const parent = keyOf(recorded.facts.path.slice(0, -1));
      const siblings = this.#inside.get(parent);
      if (siblings === undefined) this.#inside.set(parent, [recorded]);
      else siblings.push(recorded);
    }
  }

  /** Looks at what is in a folder, and removes what is not ours to keep. What was begun before `after` went with an older one. */
  async visit(dir: PinnedDir, path: string, after: number): Promise<void> {
    const unclaimed = new Set(await readdir(dir.path(".")));
    if (path === "") unclaimed.delete(JOURNAL);
    for (const recorded of this.#inside.get(path) ?? []) {
      if (recorded.n <= after) continue;
      if (recorded.publishing !== undefined) this.#published(recorded);
      else if (await this.#staged(dir, recorded)) unclaimed.delete(recorded.name);
    }
    for (const name of unclaimed) await rm(dir.path(name), { recursive: true, force: true });
  }

  #published(recorded: Recorded): void {
    const key = keyOf(recorded.facts.path);
    this.held.set(key, publishedEntry(recorded));
    for (const inner of this.#inside.get(key) ?? []) if (inner.n > recorded.n) this.#published(inner);
  }

  async #staged(dir: PinnedDir, recorded: Recorded): Promise<boolean> {
    const { facts, name, n } = recorded;
    const entry =
      facts.type === "file" ? await heldFile(recorded, dir.path(name), this.#lastLine) : heldFolder(recorded);
    const inner = entry?.facts.type === "folder" ? await openFolder(dir, name) : undefined;
    if (entry === undefined || (facts.type === "folder" && inner === undefined)) return false;
    const key = keyOf(facts.path);
    this.held.set(key, entry);
    if (inner !== undefined) await this.visit(inner, key, n).finally(() => inner.close());
    return true;
  }
}

/** What the sender is told: at most `limit` entries. */
export function* haveItems(held: Held, limit: number): Generator<HaveItem, void> {
  let left = limit;
  for (const { facts, blocks, root, as, published } of held.values()) {
    const folder = facts.type === "folder";
    if (folder && !published) continue;
    if (left-- <= 0) return;
    yield { ...facts, blocks, ...(!folder && { root }), ...(as !== undefined && { as }) };
  }
}

/** Bytes of content that are held. */
export function heldBytes(held: Held): number {
  let bytes = 0;
  for (const { facts, blocks } of held.values()) bytes += bytesIn(blocks, facts.size);
  return bytes;
}

function publishedEntry({ n, facts, name, root = "", publishing }: Recorded): HeldEntry {
  const blocks = facts.type === "file" ? blocksOf(facts.size) : 0;
  const as = publishing?.as;
  return { n, facts, name, blocks, digests: NO_DIGESTS, root, finished: true, published: true, as };
}

function heldFolder({ n, facts, name }: Recorded): HeldEntry {
  const nothing = { blocks: 0, digests: NO_DIGESTS, root: "", finished: false };
  return { n, facts, name, ...nothing, published: false, as: undefined };
}

async function openFolder(dir: PinnedDir, name: string): Promise<PinnedDir | undefined> {
  try {
    return await PinnedDir.open(dir.path(name));
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Holds a claim against the disk; undefined when nothing of it is left. */
async function heldFile(recorded: Recorded, path: string, lastLine: number): Promise<HeldEntry | undefined> {
  const { n, facts, name, root } = recorded;
  const stats = await statsOf(path);
  if (stats?.isFile() !== true || stats.nlink !== 1) return undefined;
  const entry = { n, facts, name, published: false, as: undefined };
  if (root === undefined) {
    const digests = await checkedBlocks(recorded, path, lastLine);
    if (digests.count === 0) return undefined;
    return { ...entry, blocks: digests.count, digests, root: digests.root(), finished: false };
  }
  // Its time of modification was set last of all: whoever has written to it since has changed that.
  const untouched = Math.abs(stats.mtimeMs - clampTime(facts.mtime)) < COARSE_TIME_MS;
  if (!untouched || stats.size !== facts.size) return undefined;
  return { ...entry, blocks: blocksOf(facts.size), digests: NO_DIGESTS, root, finished: true };
}

/** The digests of the blocks that can be relied on; they are flushed when it resolves. */
async function checkedBlocks(recorded: Recorded, path: string, lastLine: number): Promise<DigestList> {
  const { digests = NO_DIGESTS, flushed, closed, facts } = recorded;
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { ctimeNs, mtimeMs } = await handle.stat({ bigint: true });
    const inGoodOrder = closed === String(ctimeNs);
    const doubtful = closed === undefined ? Number(mtimeMs) > lastLine + LATE_WRITE_MS : !inGoodOrder;
    const small = bytesIn(flushed, facts.size) <= CHECKED_WHOLE;
    let good = inGoodOrder ? digests.count : doubtful || small ? 0 : flushed;
    if (good < digests.count) {
      good = await verified(handle, digests, good, facts.size);
      await handle.datasync();
    }
    const checked = new DigestList();
    checked.append(digests.slice(0, good));
    return checked;
  } finally {
    await handle.close();
  }
}

/** Reads blocks from number `from` on; resolves to the number of the first that is not what its digest says. */
async function verified(handle: FileHandle, digests: DigestList, from: number, size: number): Promise<number> {
  const block = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  for (let number = from; number < digests.count; number++) {
    const length = bytesIn(number + 1, size) - number * BLOCK_SIZE;
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await handle.read(block, filled, length - filled, number * BLOCK_SIZE + filled);
      if (bytesRead === 0) return number;
      filled += bytesRead;
    }
    if (!digestBlock(block.subarray(0, length)).equals(digests.slice(number, number + 1))) return number;
  }
  return digests.count;
}
