/**
 * What earlier attempts at a transfer have left in its staging directory: the
 * journal's claims held against what is really on the disk. What does not agree
 * is forgotten, and what nobody claims is removed.
 */

import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, rm } from "node:fs/promises";
import { blocksOf, bytesIn, DigestList, digestBlock } from "./blocks.ts";
import { JOURNAL } from "./journal.ts";
import { type Facts, type JournalRecord, keyOf, type Recorded } from "./journal-lines.ts";
import { clampTime } from "./part.ts";
import { isNotThere, PinnedDir } from "./pinned.ts";
import { statsOf } from "./settle.ts";
import { BLOCK_SIZE, type MessageOf, MiB } from "./wire.ts";

export type HaveItem = MessageOf<"have">["items"][number];

/** An entry that is here. Small, because there may be a hundred thousand. */
export class HeldEntry {
  readonly #recorded: Recorded;
  /** Of an unfinished file: of the blocks that are here. */
  readonly #checked: DigestList | undefined;
  /** It, or the folder it is in, is under its final name. */
  readonly published: boolean;

  constructor(recorded: Recorded, published: boolean, checked?: DigestList) {
    this.#recorded = recorded;
    this.#checked = checked;
    this.published = published;
  }

  get n(): number {
    return this.#recorded.n;
  }

  get facts(): Facts {
    return this.#recorded.facts;
  }

  /** In staging, in the folder around it. */
  get name(): string {
    return this.#recorded.name;
  }

  /** A file that has its attributes and is flushed whole. */
  get finished(): boolean {
    return this.facts.type === "file" && this.#checked === undefined;
  }

  /** Whole blocks; of a finished file all of them, of a folder 0. */
  get blocks(): number {
    if (this.#checked !== undefined) return this.#checked.count;
    return this.finished ? blocksOf(this.facts.size) : 0;
  }

  /** Of these blocks; none are kept of a finished file. */
  get digests(): DigestList {
    return this.#checked ?? new DigestList();
  }

  /** Over the digests; undefined for a folder. */
  get root(): string | undefined {
    return this.#checked === undefined ? this.#recorded.root : this.#checked.root();
  }

  /** Its final name, of a top-level item that is published. */
  get as(): string | undefined {
    return this.published ? this.#recorded.publishing?.as : undefined;
  }
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
export const COARSE_TIME_MS = 2_000;

/** Files looked at side by side: hides the latency of a disk. */
const LOOKUPS = 64;

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
    const inside = (this.#inside.get(path) ?? []).filter(({ n }) => n > after);
    for (let at = 0; at < inside.length; at += LOOKUPS) {
      const some = inside.slice(at, at + LOOKUPS);
      const found = await Promise.all(some.map(({ name }) => statsOf(dir.path(name))));
      for (const [i, recorded] of some.entries()) {
        if (recorded.publishing !== undefined) this.#published(recorded);
        else if (await this.#staged(dir, recorded, found[i])) unclaimed.delete(recorded.name);
      }
    }
    for (const name of unclaimed) await rm(dir.path(name), { recursive: true, force: true });
  }

  #published(recorded: Recorded): void {
    const key = keyOf(recorded.facts.path);
    this.held.set(key, new HeldEntry(recorded, true));
    for (const inner of this.#inside.get(key) ?? []) if (inner.n > recorded.n) this.#published(inner);
  }

  async #staged(dir: PinnedDir, recorded: Recorded, stats: Stats | undefined): Promise<boolean> {
    const { facts, name, n } = recorded;
    const key = keyOf(facts.path);
    if (facts.type === "file") {
      const entry = await heldFile(recorded, dir.path(name), stats, this.#lastLine);
      if (entry !== undefined) this.held.set(key, entry);
      return entry !== undefined;
    }
    const folder = await openFolder(dir, name);
    if (folder === undefined) return false;
    this.held.set(key, new HeldEntry(recorded, false));
    await this.visit(folder, key, n).finally(() => folder.close());
    return true;
  }
}

/** What the sender is told: at most `limit` entries. */
export function* haveItems(held: Held, limit: number): Generator<HaveItem, void> {
  let left = limit;
  for (const { facts, blocks, root, as, published } of held.values()) {
    if (facts.type === "folder" && !published) continue;
    if (left-- <= 0) return;
    yield { ...facts, blocks, ...(root !== undefined && { root }), ...(as !== undefined && { as }) };
  }
}

/** Bytes of content that are held. */
export function heldBytes(held: Held): number {
  let bytes = 0;
  for (const { facts, blocks } of held.values()) bytes += bytesIn(blocks, facts.size);
  return bytes;
}

async function openFolder(dir: PinnedDir, name: string): Promise<PinnedDir | undefined> {
  try {
    return await PinnedDir.open(dir.path(name));
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** Holds a claim against the disk; undefined when nothing of it is left. */
async function heldFile(
  recorded: Recorded,
  path: string,
  stats: Stats | undefined,
  lastLine: number,
): Promise<HeldEntry | undefined> {
  const { facts, root } = recorded;
  if (stats?.isFile() !== true || stats.nlink !== 1) return undefined;
  if (root === undefined) {
    const digests = await checkedBlocks(recorded, path, lastLine);
    return digests.count === 0 ? undefined : new HeldEntry(recorded, false, digests);
  }
  // Its time of modification was set last of all: whoever has written to it since has changed that.
  const untouched = Math.abs(stats.mtimeMs - clampTime(facts.mtime)) < COARSE_TIME_MS;
  return untouched && stats.size === facts.size ? new HeldEntry(recorded, false) : undefined;
}

/** The digests of the blocks that can be relied on; they are flushed when it resolves. */
async function checkedBlocks(recorded: Recorded, path: string, lastLine: number): Promise<DigestList> {
  const { digests = new DigestList(), flushed, closed, facts } = recorded;
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
