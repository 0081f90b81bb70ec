/**
 * One accepted transfer at the receiver: holds what comes in against what was
 * offered, hands it to the tree, and decides whether an item is published or was
 * there already. It neither reads from nor writes to the link.
 */

import type { Budget } from "../core/ahead.ts";
import { LanxferError } from "../core/errors.ts";
import type { EarlierFile } from "./earlier.ts";
import type { Flusher } from "./flush.ts";
import type { Frame } from "./frames.ts";
import { type EarlierItems, Gathering } from "./gathering.ts";
import { type Held, heldBytes } from "./held.ts";
import { IncomingFile } from "./incoming-file.ts";
import { IncomingReports, type ReceiverEvent } from "./incoming-reports.ts";
import type { Journal } from "./journal.ts";
import { MANY, type SmallFiles } from "./small-files.ts";
import { type Staging, storageError } from "./staging.ts";
import { IncomingTree } from "./tree.ts";
import type { MessageOf } from "./wire.ts";

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

/** A file between its entry and its end; or one that only gathers, which has all of its content. */
type Current = IncomingFile | EarlierFile;

export class IncomingTransfer {
  readonly #offer: Offer;
  readonly #tree: IncomingTree;
  readonly #memory: BlockMemory;
  readonly #flusher: Flusher;
  readonly #room: (bytes: number) => Promise<void>;
  readonly #journal: Journal;
  readonly #held: Held;
  readonly #gathering: Gathering;
  readonly #reports: IncomingReports;
  #file: Current | undefined;
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
    room: (bytes: number) => Promise<void>,
    report: (event: ReceiverEvent) => void,
  ) {
    this.#offer = offer;
    this.#memory = memory;
    this.#flusher = flusher;
    this.#gathering = new Gathering(earlier, staging.held);
    this.#room = room;
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
      else this.#reports.began(entry, -1);
      const taken = this.#gathering.take(entry);
      if (this.#gathering.gathers(taken)) {
        this.#file = taken?.file;
        return;
      }
      await this.#compose();
      if (taken?.file !== undefined) await this.#copy(taken.entry, taken.file);
      else if (entry.type === "folder") await this.#tree.addFolder(entry);
      else this.#file = await this.#begin(entry);
    } catch (error) {
      throw storageError(error);
    }
  }

  /** Resolves when the next frame may be read; the block is then verified, and written soon. */
  async block(frame: Extract<Frame, { type: "block" }>): Promise<void> {
    this.#tree.throwIfFailed();
    const file = this.#file;
    if (!(file instanceof IncomingFile) || frame.entry !== file.open.entry.index) {
      throw new LanxferError("E_PROTO", { text: "a block of another entry" });
    }
    await file.block(frame);
  }

  async end({ index, root }: MessageOf<"end">): Promise<void> {
    this.#tree.throwIfFailed();
    const file = this.#file;
    // Only the newest entry can have content to come.
    if (file === undefined || index !== this.#entries - 1) {
      throw new LanxferError("E_PROTO", { text: "the end of another entry" });
    }
    const isIt = file instanceof IncomingFile ? file.ended() === root : this.#gathering.ends(file, root);
    if (!isIt) throw new LanxferError("E_INTEGRITY");
    this.#file = undefined;
    if (file instanceof IncomingFile) await this.#finishFile(file, root);
    else this.#reports.ended(index, root);
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
    if (this.#file instanceof IncomingFile) await this.#file.abandon();
    this.#file = undefined;
    await this.#gathering.close();
    await this.#tree.abandon();
  }

  /**
   * Makes of what has come so far as much as can be taken up again; what earlier
   * attempts have left counts, whether or not this one came to it, unless it is in
   * doubt (`earlier` is false). Resolves to about the bytes of it, undefined when
   * there is nothing. Never rejects.
   */
  async keep(earlier: boolean): Promise<number | undefined> {
    const begun = this.#file instanceof IncomingFile ? await this.#file.keep() : { bytes: 0, sound: true };
    await this.#tree.settled();
    const { files, bytes } = this.#tree.finished;
    const durable = await this.#journal.sync().then(
      () => true,
      () => false,
    );
    // Without its last lines the journal claims less, but still what is true.
    if (!durable && !begun.sound) return undefined;
    if (files + begun.bytes === 0 && !(earlier && this.#held.size > 0)) return undefined;
    return Math.max(bytes + begun.bytes, earlier ? heldBytes(this.#held) : 0);
  }

  /** What the sender has not been told yet. */
  takeReports(): (MessageOf<"progress"> | MessageOf<"saved">)[] {
    void this.#journal.write().catch((error) => this.#tree.fail(error));
    return this.#reports.take();
  }

  async #begin(entry: Entry): Promise<IncomingFile> {
    await this.#room(entry.size);
    const open = await this.#tree.addFile(entry);
    const failed = (error: unknown) => this.#tree.fail(error);
    return new IncomingFile(open, { memory: this.#memory, journal: this.#journal, reports: this.#reports, failed });
  }

  async #finishFile(file: IncomingFile, root: string): Promise<void> {
    this.#reports.ended(file.open.entry.index, root);
    await this.#flusher.places.take(1);
    const finished = this.#tree.finishFile(file.open, root, file.idle());
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
    this.#reports.began(entry, item);
    this.#gathering.begin(entry);
  }

  /** No more of the newest top-level item is to come. */
  async #endItem(): Promise<void> {
    if (!this.#gathering.isWhole) return this.#compose();
    const taken = this.#gathering.release();
    for (const { file } of taken) if (file !== undefined) await this.#verify(file);
    await this.#gathering.flush(taken, this.#flusher);
    // As in any other transfer: a folder after what is in it.
    for (const { entry, names } of taken.toReversed()) this.#reports.saved(entry.index, names.at(-1), true);
  }

  /** The newest top-level item is not the one in the inbox: what has gathered of it is copied. */
  async #compose(): Promise<void> {
    for (const { entry, file } of this.#gathering.release()) {
      if (file === undefined) {
        await this.#tree.addFolder(entry);
        continue;
      }
      const copied = await this.#copy(entry, file);
      this.#file = undefined;
      await this.#finishFile(copied, file.root);
    }
  }

  /** Begins a file with the content of one in the inbox, which is all of it. */
  async #copy({ held: _, ...entry }: Entry, known: EarlierFile): Promise<IncomingFile> {
    const file = await this.#begin(entry);
    this.#file = file; // to be given up with the transfer
    await this.#gathering.read(known, file.part, ({ data, shared }, digest) => file.add(data, digest, shared));
    this.#reports.wasHere(entry.size);
    return file;
  }

  async #verify(known: EarlierFile): Promise<void> {
    await this.#gathering.read(known, undefined, async ({ data }) => {
      this.#reports.wrote(data.length);
      this.#memory.recycle(data);
    });
    this.#reports.wasHere(known.facts.size);
  }
}
