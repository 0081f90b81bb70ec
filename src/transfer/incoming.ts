/**
 * One accepted transfer at the receiver: holds what comes in against what was
 * offered, verifies it, hands it to the tree, and collects what is to be
 * reported. It neither reads from nor writes to the link.
 */

import type { Budget } from "../core/ahead.ts";
import { LanxferError } from "../core/errors.ts";
import { bytesIn, DigestList, digestBlock } from "./blocks.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Flusher } from "./flush.ts";
import type { Frame } from "./frames.ts";
import { type Held, heldBytes } from "./held.ts";
import type { Journal } from "./journal.ts";
import { Part } from "./part.ts";
import { MANY, type SmallFiles } from "./small-files.ts";
import { type Staging, storageError } from "./staging.ts";
import { IncomingTree, type OpenFile } from "./tree.ts";
import { BLOCK_SIZE, batches, type MessageOf } from "./wire.ts";

export type Offer = MessageOf<"offer">;
type SavedItem = MessageOf<"saved">["items"][number];

export type ReceiverEvent =
  /** Verified and written, in all (bytes). */
  | { readonly type: "moved"; readonly bytes: number }
  /** A top-level item is under its final name; `item` counts from 0. `root` is that of a file. */
  | {
      readonly type: "published";
      readonly item: number;
      readonly name: string;
      readonly as: string;
      readonly root: string | undefined;
    }
  /** An inner name had to be changed. */
  | { readonly type: "renamed"; readonly path: string; readonly as: string }
  /** So many of these bytes were here before, in all. */
  | { readonly type: "resumed"; readonly bytes: number }
  /** Everything has come; it is being flushed and published. */
  | { readonly type: "finishing" };

/** Memory for received blocks, shared by all transfers of this device. */
export interface BlockMemory {
  /** Verified bytes that may wait for the disk; above it nothing more is read from the links. */
  readonly writeBehind: Budget;
  /** Gives a block's memory back. */
  readonly recycle: (data: Buffer) => void;
}

interface CurrentFile extends OpenFile {
  readonly digests: DigestList;
  /** Of a file that takes more than one block: less is not worth going on with. */
  readonly checkpoints: Checkpoints | undefined;
  received: number;
}

export class IncomingTransfer {
  readonly #offer: Offer;
  readonly #tree: IncomingTree;
  readonly #recycle: (data: Buffer) => void;
  readonly #report: (event: ReceiverEvent) => void;
  readonly #writeBehind: Budget;
  readonly #flusher: Flusher;
  readonly #journal: Journal;
  #file: CurrentFile | undefined;
  #entries = 0;
  #bytes = 0;
  readonly #held: Held;
  #items = 0;
  #published = false;
  #moved = 0;
  #resumed = 0;
  #movedReported = 0;
  #saved: SavedItem[] = [];
  readonly #unsaved = new Map<number, { readonly path: readonly string[]; readonly item: number; root?: string }>();

  constructor(
    offer: Offer,
    staging: Staging,
    umask: number,
    memory: BlockMemory,
    flusher: Flusher,
    files: SmallFiles,
    report: (event: ReceiverEvent) => void,
  ) {
    this.#offer = offer;
    this.#recycle = memory.recycle;
    this.#writeBehind = memory.writeBehind;
    this.#flusher = flusher;
    this.#report = report;
    this.#journal = staging.journal;
    this.#held = staging.held;
    const many = offer.entries >= MANY ? files : undefined;
    this.#tree = new IncomingTree(staging, umask, flusher, many, (index, as) => this.#onSaved(index, as), storageError);
  }

  get moved(): number {
    return this.#moved;
  }

  /** A top-level item is under its final name. */
  get hasPublished(): boolean {
    return this.#published;
  }

  async entry(entry: MessageOf<"entry">): Promise<void> {
    this.#tree.throwIfFailed();
    if (entry.index !== this.#entries) throw new LanxferError("E_PROTO", { text: "entries out of order" });
    if (entry.type === "folder" && entry.size !== 0)
      throw new LanxferError("E_PROTO", { text: "a folder has no size" });
    this.#entries++;
    this.#bytes += entry.size;
    if (this.#entries > this.#offer.entries) throw new LanxferError("E_LENGTH", { text: "more entries than offered" });
    if (this.#bytes > this.#offer.bytes) throw new LanxferError("E_LENGTH", { text: "more bytes than offered" });
    const item = entry.path.length === 1 ? this.#nextItem(entry) : -1;
    this.#unsaved.set(entry.index, { path: entry.path, item });
    try {
      if (entry.type === "folder") await this.#tree.addFolder(entry);
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
    if (file === undefined || frame.entry !== file.entry.index) {
      throw new LanxferError("E_PROTO", { text: "a block of another entry" });
    }
    const left = file.entry.size - file.received;
    if (data.length > left) throw new LanxferError("E_LENGTH", { text: "more bytes than announced" });
    if (data.length !== Math.min(BLOCK_SIZE, left))
      throw new LanxferError("E_LENGTH", { text: "a block is too short" });
    if (!digestBlock(data).equals(digest)) throw new LanxferError("E_INTEGRITY");
    if (file.part === undefined) throw new LanxferError("E_PROTO", { text: "a block of what is here" });
    const number = file.digests.count;
    file.digests.push(digest);
    const position = file.received;
    file.received += data.length;
    await this.#writeBehind.take(data.length);
    try {
      file.part.write(data, position, (written) => {
        this.#moved += written;
        if (written > 0) file.checkpoints?.wrote(number);
        this.#writeBehind.give(data.length);
        this.#recycle(data);
      });
    } catch (error) {
      throw storageError(error);
    }
  }

  async end(message: MessageOf<"end">): Promise<void> {
    this.#tree.throwIfFailed();
    const file = this.#file;
    if (file === undefined || message.index !== file.entry.index) {
      throw new LanxferError("E_PROTO", { text: "the end of another entry" });
    }
    if (file.received !== file.entry.size) throw new LanxferError("E_LENGTH", { text: "fewer bytes than announced" });
    const root = file.held?.finished === true ? file.held?.root : file.digests.root();
    if (root !== message.root) throw new LanxferError("E_INTEGRITY");
    const unsaved = this.#unsaved.get(message.index);
    if (unsaved !== undefined) unsaved.root = root;
    await this.#flusher.places.take(1);
    this.#file = undefined;
    const finished = this.#tree.finishFile(file, root, file.checkpoints?.idle());
    void finished.then(() => this.#flusher.places.give(1));
  }

  /** Resolves when everything is durable and published. */
  async finish(): Promise<void> {
    const { entries, bytes, count } = this.#offer;
    if (this.#entries !== entries || this.#bytes !== bytes || this.#items !== count) {
      throw new LanxferError("E_LENGTH", { text: "less than was offered" });
    }
    this.#report({ type: "finishing" });
    await this.#flusher.hurry(() => this.#tree.finish());
  }

  /** Waits for what goes on behind the entries, whatever comes of it. */
  settled(): Promise<void> {
    return this.#tree.settled();
  }

  /** Closes what is open, whatever happened. Never rejects. */
  async dispose(): Promise<void> {
    await this.#file?.part?.abandon();
    this.#file = undefined;
    await this.#tree.abandon();
  }

  /**
   * Makes of what has come so far as much as can be taken up again; what earlier
   * attempts have left counts, whether or not this one came to it, unless it is in
   * doubt (`earlier` is false). Resolves to about the bytes of it, undefined when
   * there is nothing. Never rejects.
   */
  async keep(earlier: boolean): Promise<number | undefined> {
    const { blocks, sound } = (await this.#file?.checkpoints?.end()) ?? { blocks: 0, sound: true };
    await this.#tree.settled();
    const { files, bytes } = this.#tree.finished;
    const durable = await this.#journal.sync().then(
      () => true,
      () => false,
    );
    // Without its last lines the journal claims less, but still what is true.
    if (!durable && !sound) return undefined;
    if (files + blocks === 0 && !(earlier && this.#held.size > 0)) return undefined;
    return Math.max(bytes + bytesIn(blocks, this.#file?.entry.size ?? 0), earlier ? heldBytes(this.#held) : 0);
  }

  /** What the sender has not been told yet. */
  takeReports(): (MessageOf<"progress"> | MessageOf<"saved">)[] {
    void this.#journal.write().catch((error) => this.#tree.fail(error));
    const reports: (MessageOf<"progress"> | MessageOf<"saved">)[] = [];
    if (this.#moved !== this.#movedReported) {
      this.#movedReported = this.#moved;
      reports.push({ t: "progress", bytes: this.#moved });
      this.#report({ type: "moved", bytes: this.#moved });
    }
    for (const items of batches(this.#saved)) reports.push({ t: "saved", items });
    this.#saved = [];
    return reports;
  }

  /** Begins with what is held of a file. */
  #goOn(file: OpenFile): CurrentFile {
    const digests = file.held?.digests ?? new DigestList();
    const received = bytesIn(file.held?.blocks ?? 0, file.entry.size);
    this.#moved += received;
    this.#resumed += received;
    if (received > 0) this.#report({ type: "resumed", bytes: this.#resumed });
    const { part, n } = file;
    const checkpoints =
      part instanceof Part && file.entry.size > BLOCK_SIZE
        ? new Checkpoints(this.#journal, n, part, digests, (error) => this.#tree.fail(error))
        : undefined;
    return { ...file, digests, checkpoints, received };
  }

  /** Checks a top-level entry against the list that the offer showed. */
  #nextItem(entry: MessageOf<"entry">): number {
    const item = this.#items++;
    const listed = this.#offer.items[item];
    const unlike = listed !== undefined && (listed.name !== entry.path[0] || listed.type !== entry.type);
    if (item >= this.#offer.count || unlike) throw new LanxferError("E_PROTO", { text: "not what was offered" });
    return item;
  }

  #onSaved(index: number, as: string | undefined): void {
    const unsaved = this.#unsaved.get(index);
    if (unsaved === undefined) return;
    this.#unsaved.delete(index);
    const { path, item, root } = unsaved;
    const changed = as !== undefined && as !== path.at(-1);
    this.#saved.push({ index, ...(root !== undefined && { root }), ...(changed && { as }) });
    if (item >= 0 && as !== undefined) {
      this.#published = true;
      this.#report({ type: "published", item, name: path[0] ?? "", as, root });
    } else if (changed) this.#report({ type: "renamed", path: path.join("/"), as });
  }
}
