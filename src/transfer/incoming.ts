/**
 * One accepted transfer at the receiver: holds what comes in against what was
 * offered, verifies it, and hands it to the tree. It neither reads from nor
 * writes to the link.
 *
 * A top-level item of which all is taken up from one that stands in the inbox is
 * not published again: until something else comes, its entries only gather.
 */

import type { Budget } from "../core/ahead.ts";
import { LanxferError } from "../core/errors.ts";
import { bytesIn, DigestList, digestBlock } from "./blocks.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { EarlierBlock, EarlierFile, EarlierItem, EarlierReader } from "./earlier.ts";
import type { Flusher } from "./flush.ts";
import type { Frame } from "./frames.ts";
import { type Held, heldBytes } from "./held.ts";
import { IncomingReports, type ReceiverEvent } from "./incoming-reports.ts";
import type { Journal } from "./journal.ts";
import { keyOf } from "./journal-lines.ts";
import { Part } from "./part.ts";
import { MANY, type SmallFiles } from "./small-files.ts";
import { type Staging, storageError } from "./staging.ts";
import { IncomingTree, type OpenFile } from "./tree.ts";
import { BLOCK_SIZE, type MessageOf } from "./wire.ts";

export type Offer = MessageOf<"offer">;
type Entry = MessageOf<"entry">;

/** Memory for received blocks, shared by all transfers of this device. */
export interface BlockMemory {
  /** Verified bytes that may wait for the disk; above it nothing more is read from the links. */
  readonly writeBehind: Budget;
  readonly allocate: (length: number) => Buffer;
  /** Gives a block's memory back. */
  readonly recycle: (data: Buffer) => void;
}

/** What stands in the inbox of earlier transfers (earlier.ts), and how it is read. */
export interface EarlierItems {
  /** By name: of a file all versions, the newest first. */
  readonly items: Map<string, readonly EarlierItem[]>;
  readonly reader: EarlierReader;
}

interface CurrentFile extends OpenFile {
  readonly digests: DigestList;
  /** Of a file that takes more than one block: less is not worth going on with. */
  readonly checkpoints: Checkpoints | undefined;
  received: number;
}

/** An entry that is taken up from the inbox, where it has these names. */
interface Taken {
  readonly entry: Entry;
  readonly names: readonly string[];
  /** Undefined for a folder. */
  readonly file: EarlierFile | undefined;
}

export class IncomingTransfer {
  readonly #offer: Offer;
  readonly #tree: IncomingTree;
  readonly #memory: BlockMemory;
  readonly #flusher: Flusher;
  readonly #journal: Journal;
  readonly #held: Held;
  readonly #earlier: EarlierItems;
  readonly #reports: IncomingReports;
  /** What stands in the inbox of the newest top-level item, and what of that came so far while nothing else did. */
  #standing: EarlierItem | undefined;
  #taken: Taken[] | undefined;
  /** Set between its entry and its end; of a file that only gathers, that. */
  #file: CurrentFile | EarlierFile | undefined;
  #entries = 0;
  #bytes = 0;
  #items = 0;

  constructor(
    offer: Offer,
    staging: Staging,
    umask: number,
    memory: BlockMemory,
    flusher: Flusher,
    files: SmallFiles,
    earlier: EarlierItems,
    report: (event: ReceiverEvent) => void,
  ) {
    this.#offer = offer;
    this.#memory = memory;
    this.#flusher = flusher;
    this.#earlier = earlier;
    this.#journal = staging.journal;
    this.#held = staging.held;
    this.#reports = new IncomingReports(report);
    const many = offer.entries >= MANY ? files : undefined;
    const onSaved = (index: number, as: string | undefined) => this.#reports.saved(index, as);
    this.#tree = new IncomingTree(staging, umask, flusher, many, onSaved, storageError);
  }

  get moved(): number {
    return this.#reports.moved;
  }

  /** A top-level item is under its final name. */
  get hasPublished(): boolean {
    return this.#reports.hasPublished;
  }

  async entry(entry: Entry): Promise<void> {
    this.#tree.throwIfFailed();
    if (entry.index !== this.#entries) throw new LanxferError("E_PROTO", { text: "entries out of order" });
    if (entry.type === "folder" && entry.size !== 0)
      throw new LanxferError("E_PROTO", { text: "a folder has no size" });
    this.#entries++;
    this.#bytes += entry.size;
    if (this.#entries > this.#offer.entries) throw new LanxferError("E_LENGTH", { text: "more entries than offered" });
    if (this.#bytes > this.#offer.bytes) throw new LanxferError("E_LENGTH", { text: "more bytes than offered" });
    try {
      if (entry.path.length === 1) await this.#beginItem(entry);
      else this.#reports.began(entry.index, entry.path, -1);
      const taken = this.#takeUp(entry);
      if (taken !== undefined && this.#taken !== undefined) {
        this.#taken.push(taken);
        this.#file = taken.file;
        return;
      }
      await this.#compose();
      if (taken?.file !== undefined) this.#file = await this.#copy(taken.entry, taken.file);
      else if (entry.type === "folder") await this.#tree.addFolder(entry);
      else this.#file = this.#goOn(await this.#tree.addFile(entry));
    } catch (error) {
      throw storageError(error);
    }
  }

  /** Resolves when the next frame may be read; the block is then verified, and written soon. */
  async block(frame: Extract<Frame, { type: "block" }>): Promise<void> {
    this.#tree.throwIfFailed();
    const file = this.#file;
    const { data, digest } = frame;
    if (file === undefined || !isOpen(file) || frame.entry !== file.entry.index) {
      throw new LanxferError("E_PROTO", { text: "a block of another entry" });
    }
    const left = file.entry.size - file.received;
    if (data.length > left) throw new LanxferError("E_LENGTH", { text: "more bytes than announced" });
    if (data.length !== Math.min(BLOCK_SIZE, left))
      throw new LanxferError("E_LENGTH", { text: "a block is too short" });
    if (!digestBlock(data).equals(digest)) throw new LanxferError("E_INTEGRITY");
    if (file.part === undefined) throw new LanxferError("E_PROTO", { text: "a block of what is here" });
    await this.#add(file, data, digest);
  }

  async end(message: MessageOf<"end">): Promise<void> {
    this.#tree.throwIfFailed();
    const file = this.#file;
    const open = file !== undefined && isOpen(file);
    if (file === undefined || message.index !== (open ? file.entry.index : this.#entries - 1)) {
      throw new LanxferError("E_PROTO", { text: "the end of another entry" });
    }
    if (open && file.received !== file.entry.size) {
      throw new LanxferError("E_LENGTH", { text: "fewer bytes than announced" });
    }
    const root = open ? rootOf(file) : file.root;
    if (root !== message.root) throw new LanxferError("E_INTEGRITY");
    this.#file = undefined;
    if (open) await this.#finishFile(file, root);
    else this.#reports.ended(message.index, root);
  }

  /** Resolves when everything is durable and published. */
  async finish(): Promise<void> {
    const { entries, bytes, count } = this.#offer;
    if (this.#entries !== entries || this.#bytes !== bytes || this.#items !== count) {
      throw new LanxferError("E_LENGTH", { text: "less than was offered" });
    }
    this.#reports.finishing();
    try {
      await this.#endItem();
    } catch (error) {
      throw storageError(error);
    }
    await this.#flusher.hurry(() => this.#tree.finish());
  }

  /** Waits for what goes on behind the entries, whatever comes of it. */
  settled(): Promise<void> {
    return this.#tree.settled();
  }

  /** Closes what is open, whatever happened. Never rejects. */
  async dispose(): Promise<void> {
    if (this.#file !== undefined && isOpen(this.#file)) await this.#file.part?.abandon();
    this.#file = undefined;
    await this.#earlier.reader.close();
    await this.#tree.abandon();
  }

  /**
   * Makes of what has come so far as much as can be taken up again; what earlier
   * attempts have left counts, whether or not this one came to it, unless it is in
   * doubt (`earlier` is false). Resolves to about the bytes of it, undefined when
   * there is nothing. Never rejects.
   */
  async keep(earlier: boolean): Promise<number | undefined> {
    const file = this.#file !== undefined && isOpen(this.#file) ? this.#file : undefined;
    const { blocks, sound } = (await file?.checkpoints?.end()) ?? { blocks: 0, sound: true };
    await this.#tree.settled();
    const { files, bytes } = this.#tree.finished;
    const durable = await this.#journal.sync().then(
      () => true,
      () => false,
    );
    // Without its last lines the journal claims less, but still what is true.
    if (!durable && !sound) return undefined;
    if (files + blocks === 0 && !(earlier && this.#held.size > 0)) return undefined;
    return Math.max(bytes + bytesIn(blocks, file?.entry.size ?? 0), earlier ? heldBytes(this.#held) : 0);
  }

  /** What the sender has not been told yet. */
  takeReports(): (MessageOf<"progress"> | MessageOf<"saved">)[] {
    void this.#journal.write().catch((error) => this.#tree.fail(error));
    return this.#reports.take();
  }

  /** Begins with what is held of a file. */
  #goOn(file: OpenFile): CurrentFile {
    const digests = file.held?.digests ?? new DigestList();
    const received = bytesIn(file.held?.blocks ?? 0, file.entry.size);
    this.#reports.resumed(received);
    const { part, n } = file;
    const checkpoints =
      part instanceof Part && file.entry.size > BLOCK_SIZE
        ? new Checkpoints(this.#journal, n, part, digests, (error) => this.#tree.fail(error))
        : undefined;
    return { ...file, digests, checkpoints, received };
  }

  /** Writes the next block of a file, which is verified, unless it is there. */
  async #add(file: CurrentFile, data: Buffer, digest: Uint8Array, there = false): Promise<void> {
    const { writeBehind, recycle } = this.#memory;
    const number = file.digests.count;
    file.digests.push(digest);
    const position = file.received;
    file.received += data.length;
    const wrote = (written: number) => {
      this.#reports.wrote(written);
      if (written > 0) file.checkpoints?.wrote(number);
      recycle(data);
    };
    if (there) return wrote(data.length);
    await writeBehind.take(data.length);
    try {
      file.part?.write(data, position, (written) => {
        wrote(written);
        writeBehind.give(data.length);
      });
    } catch (error) {
      throw storageError(error);
    }
  }

  async #finishFile(file: CurrentFile, root: string): Promise<void> {
    this.#reports.ended(file.entry.index, root);
    await this.#flusher.places.take(1);
    const finished = this.#tree.finishFile(file, root, file.checkpoints?.idle());
    void finished.then(() => this.#flusher.places.give(1));
  }

  /** Checks a top-level entry against the list that the offer showed. */
  async #beginItem(entry: Entry): Promise<void> {
    const item = this.#items++;
    const [name = ""] = entry.path;
    const listed = this.#offer.items[item];
    const unlike = listed !== undefined && (listed.name !== name || listed.type !== entry.type);
    if (item >= this.#offer.count || unlike) throw new LanxferError("E_PROTO", { text: "not what was offered" });
    await this.#endItem();
    this.#reports.began(entry.index, entry.path, item);
    this.#standing = this.#earlier.items.get(name)?.find((standing) => standing.begins(entry));
    this.#taken = this.#standing && [];
  }

  /** What an entry takes up from the inbox. What an earlier attempt has left of it goes before that. */
  #takeUp(entry: Entry): Taken | undefined {
    if (this.#standing === undefined || this.#held.has(keyOf(entry.path))) return undefined;
    const file = entry.type === "file" ? this.#standing.takeFile(entry) : undefined;
    const names = entry.type === "file" ? file?.names : this.#standing.takeFolder(entry);
    return names && { entry, names, file };
  }

  /** No more of the newest top-level item is to come. */
  async #endItem(): Promise<void> {
    const { left } = this.#standing ?? { left: 0 };
    if (left > 0) await this.#compose();
    const taken = this.#taken ?? [];
    this.#taken = undefined;
    for (const { file } of taken) if (file !== undefined) await this.#verify(file);
    // As in any other transfer: a folder after what is in it.
    for (const { entry, names } of taken.toReversed()) this.#reports.saved(entry.index, names.at(-1), true);
    this.#standing = undefined;
  }

  /** The newest top-level item is not the one in the inbox: what has gathered of it is copied. */
  async #compose(): Promise<void> {
    const taken = this.#taken ?? [];
    this.#taken = undefined;
    for (const { entry, file } of taken) {
      if (file === undefined) await this.#tree.addFolder(entry);
      else await this.#finishFile(await this.#copy(entry, file), file.root);
    }
  }

  /** Begins a file with the content of one in the inbox, which is all of it. */
  async #copy({ held: _, ...entry }: Entry, known: EarlierFile): Promise<CurrentFile> {
    const file = this.#goOn(await this.#tree.addFile(entry));
    this.#file = file;
    const part = file.part instanceof Part ? file.part : undefined;
    await this.#read(known, part, ({ data, shared }, digest) => this.#add(file, data, digest, shared));
    this.#reports.wasHere(entry.size);
    this.#file = undefined;
    return file;
  }

  async #verify(known: EarlierFile): Promise<void> {
    await this.#read(known, undefined, async ({ data }) => {
      this.#reports.wrote(data.length);
      this.#memory.recycle(data);
    });
    this.#reports.wasHere(known.facts.size);
  }

  /** Throws E_INTEGRITY when a file in the inbox is not what it was; then nothing is taken from that item any more. */
  async #read(
    known: EarlierFile,
    part: Part | undefined,
    use: (block: EarlierBlock, digest: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const digests = new DigestList();
    try {
      for await (const block of this.#earlier.reader.blocks(known, part)) {
        const digest = digestBlock(block.data);
        digests.push(digest);
        await use(block, digest);
      }
      if (digests.root() !== known.root) throw new LanxferError("E_INTEGRITY");
    } catch (error) {
      if (error instanceof LanxferError && error.code === "E_INTEGRITY") this.#standing?.arrival.forget();
      throw error;
    }
  }
}

function isOpen(file: CurrentFile | EarlierFile): file is CurrentFile {
  return "entry" in file;
}

function rootOf({ held, digests }: CurrentFile): string | undefined {
  return held?.finished === true ? held.root : digests.root();
}
