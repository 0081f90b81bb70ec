/**
 * What the same device sent in earlier transfers and what still stands in the
 * inbox as it came: found for an offer, to be told to its sender, who may take it
 * up entry by entry (PROTOCOL 4.11). Size and time only say what may be the same:
 * whoever reads it (earlier-reader.ts) checks the digests.
 */

import { blocksOf } from "./blocks.ts";
import { COARSE_TIME_MS, type HaveItem, type Held } from "./held.ts";
import type { FileFacts } from "./incoming-reports.ts";
import { readJournal } from "./journal.ts";
import { type Facts, keyOf, type Recorded } from "./journal-lines.ts";
import { takesUp } from "./leftovers.ts";
import { clampTime } from "./part.ts";
import type { PinnedDir } from "./pinned.ts";
import { isFile, isFolder, type Looked, type SmallFiles } from "./small-files.ts";
import type { MessageOf } from "./wire.ts";

type Entry = MessageOf<"entry">;

/** A top-level item that landed here in an earlier transfer of the same device. */
export interface Arrival {
  /** As that device called it. */
  readonly name: string;
  readonly type: "file" | "folder";
  /** Its name in the inbox. */
  readonly as: string;
  /** Of a file: the root of its content. */
  readonly root: string | null;
  /** Of a file, as it came; undefined when that is not known. */
  readonly facts: FileFacts | undefined;
  /** Of a folder: where the journal of its transfer is kept. */
  readonly journal: string | null;
  /** It is not what it was taken for. */
  readonly forget: () => void;
}

/** A file in the inbox that is as it was when it came, by its size and time. */
export interface EarlierFile {
  readonly facts: Facts;
  readonly root: string;
  /** Where it is, from the inbox down. */
  readonly names: readonly string[];
  readonly looked: Looked;
}

/** Files and folders of all items of an offer that are looked at: bounds the memory for a transfer. */
const MOST = 100_000;
/** Files of one name that are told, the newest: a script may send two that are called alike again and again. */
const MOST_VERSIONS = 16;
/** How far a time may be off where a file system keeps it finely: what a time in seconds loses as a double, in this Node or another (milliseconds). */
const FINE_TIME_MS = 0.5;

/** One item as it stands. What was taken up of it is not there to be taken up again. */
export class EarlierItem {
  readonly arrival: Arrival;
  readonly #files = new Map<string, EarlierFile>();
  /** Of folders: their names in the inbox, from the inbox down. */
  readonly #folders = new Map<string, readonly string[]>();

  constructor(arrival: Arrival) {
    this.arrival = arrival;
  }

  /** How many files and folders are left to be taken up. */
  get left(): number {
    return this.#files.size + this.#folders.size;
  }

  add(file: EarlierFile): void {
    this.#files.set(keyOf(file.facts.path), file);
  }

  addFolder(path: readonly string[], names: readonly string[]): void {
    this.#folders.set(keyOf(path), names);
  }

  files(): Iterable<EarlierFile> {
    return this.#files.values();
  }

  /** Whether an entry, with which a top-level item begins, may be of this one. */
  begins(entry: Entry): boolean {
    if (entry.type === "folder" || this.arrival.type === "folder") return this.arrival.type === entry.type;
    const file = this.#files.get(keyOf(entry.path));
    return file !== undefined && isTakenUp(entry, file);
  }

  /** The file that an entry takes up; undefined when it takes up nothing of this. */
  takeFile(entry: Entry): EarlierFile | undefined {
    const key = keyOf(entry.path);
    const file = this.#files.get(key);
    if (file === undefined || entry.held === undefined || !isTakenUp(entry, file)) return undefined;
    this.#files.delete(key);
    return file;
  }

  /** Where the folder of an entry stands; undefined when it does not. */
  takeFolder({ path }: Entry): readonly string[] | undefined {
    const key = keyOf(path);
    const names = this.#folders.get(key);
    this.#folders.delete(key);
    return names;
  }
}

function isTakenUp(entry: Entry, { facts }: EarlierFile): boolean {
  return takesUp(entry, { facts, blocks: blocksOf(facts.size), published: false });
}

/**
 * Looks for what stands of the items of an offer, and puts it into `found`: of
 * each name the newest folder, or the newest files. `arrivals` are the newest first.
 */
export async function findEarlier(
  inbox: PinnedDir,
  arrivals: readonly Arrival[],
  items: MessageOf<"offer">["items"],
  files: SmallFiles,
  found: Map<string, readonly EarlierItem[]>,
): Promise<void> {
  let room = MOST;
  for (const { name, type } of items) {
    if (found.has(name)) continue;
    const standing: EarlierItem[] = [];
    for (const arrival of arrivals) {
      if (arrival.name !== name || arrival.type !== type) continue;
      const item =
        type === "file" ? await lookAtFile(inbox, arrival, files) : await lookAtFolder(inbox, arrival, files);
      if (item === undefined || item.left > room) continue;
      room -= item.left;
      standing.push(item);
      if (type === "folder" || standing.length === MOST_VERSIONS) break;
    }
    found.set(name, standing);
  }
}

/** What the sender is told: at most `limit` files, none of which is held of an earlier attempt. */
export function* thereItems(
  items: ReadonlyMap<string, readonly EarlierItem[]>,
  held: Held,
  limit: number,
): Generator<HaveItem, void> {
  let left = limit;
  for (const item of [...items.values()].flat()) {
    for (const { facts, root } of item.files()) {
      const key = keyOf(facts.path);
      if (held.has(key)) continue;
      if (left-- <= 0) return;
      yield { ...facts, blocks: blocksOf(facts.size), root, there: true };
    }
  }
}

/** What is on the disk is only compared: its user may have put another one in its place, which is nobody's business. */
async function lookAtFile(inbox: PinnedDir, arrival: Arrival, files: SmallFiles): Promise<EarlierItem | undefined> {
  const { root, as, name } = arrival;
  if (root === null || arrival.facts === undefined) return undefined;
  const facts: Facts = { path: [name], type: "file", ...arrival.facts };
  const [looked] = await files.look(inbox.path("."), [as]);
  if (looked === undefined || looked instanceof Error || !isUntouched(facts, looked, inbox)) return undefined;
  const item = new EarlierItem(arrival);
  item.add({ facts, root, names: [as], looked });
  return item;
}

async function lookAtFolder(inbox: PinnedDir, arrival: Arrival, files: SmallFiles): Promise<EarlierItem | undefined> {
  const record = arrival.journal === null ? undefined : await readJournal(arrival.journal).catch(() => undefined);
  if (record === undefined) return undefined;
  const top = [...record.entries.values()].find(({ publishing }) => publishing?.as === arrival.as);
  if (top?.facts.type !== "folder") return undefined;
  const inside = new Map<string, Recorded[]>();
  for (const recorded of record.entries.values()) {
    const around = keyOf(recorded.facts.path.slice(0, -1));
    const siblings = inside.get(around);
    if (siblings === undefined) inside.set(around, [recorded]);
    else siblings.push(recorded);
  }
  const item = new EarlierItem(arrival);
  const visit = async (around: PinnedDir, folder: Recorded, name: string, names: readonly string[]) => {
    const dir = await around.open(name);
    try {
      item.addFolder(folder.facts.path, names);
      const siblings = (inside.get(keyOf(folder.facts.path)) ?? []).filter(({ n }) => n > folder.n);
      const found =
        siblings.length === 0
          ? []
          : await files.look(
              dir.path("."),
              siblings.map(({ name }) => name),
            );
      for (const [i, recorded] of siblings.entries()) {
        const looked = found[i];
        if (looked === undefined || looked instanceof Error) continue;
        const { facts, root } = recorded;
        const where = [...names, recorded.name];
        if (facts.type === "folder" && isFolder(looked)) await visit(dir, recorded, recorded.name, where);
        else if (root !== undefined && isUntouched(facts, looked, dir)) item.add({ facts, root, names: where, looked });
      }
    } finally {
      await dir.close();
    }
  };
  try {
    await visit(inbox, top, arrival.as, [arrival.as]);
    return item;
  } catch {
    return undefined; // whatever stands in its way, what cannot be read is not there
  }
}

function isUntouched({ type, size, mtime }: Facts, looked: Looked, { fileSystem }: PinnedDir): boolean {
  const off = Math.abs(looked.modified - clampTime(mtime));
  return (
    type === "file" &&
    isFile(looked) &&
    looked.size === size &&
    off < (fileSystem.whole ? FINE_TIME_MS : COARSE_TIME_MS)
  );
}
