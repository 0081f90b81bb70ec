/** One file as its content comes, from the network or from the inbox: counted, written, and noted in the journal. */

import { LanxferError } from "../core/errors.ts";
import { bytesIn, DigestList, digestBlock } from "./blocks.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Frame } from "./frames.ts";
import type { BlockMemory } from "./incoming.ts";
import type { IncomingReports } from "./incoming-reports.ts";
import type { Journal } from "./journal.ts";
import { Part } from "./part.ts";
import { storageError } from "./staging.ts";
import type { OpenFile } from "./tree.ts";
import { BLOCK_SIZE } from "./wire.ts";

export interface IncomingFileDeps {
  readonly memory: BlockMemory;
  readonly journal: Journal;
  readonly reports: IncomingReports;
  /** Told when the journal cannot claim anything of it any more. */
  readonly failed: (error: unknown) => void;
}

export class IncomingFile {
  readonly open: OpenFile;
  readonly #deps: IncomingFileDeps;
  readonly #digests: DigestList;
  /** Of a file that takes more than one block: less is not worth going on with. */
  readonly #checkpoints: Checkpoints | undefined;
  #received: number;

  /** Begins with what is held of it. */
  constructor(open: OpenFile, deps: IncomingFileDeps) {
    this.open = open;
    this.#deps = deps;
    const { held, part, entry, n } = open;
    this.#digests = held?.digests ?? new DigestList();
    this.#received = bytesIn(held?.blocks ?? 0, entry.size);
    deps.reports.resumed(this.#received);
    if (part instanceof Part && entry.size > BLOCK_SIZE) {
      this.#checkpoints = new Checkpoints(deps.journal, n, part, this.#digests, deps.failed);
    }
  }

  /** What it is written to, where it can share content with another file instead. */
  get part(): Part | undefined {
    const { part } = this.open;
    return part instanceof Part ? part : undefined;
  }

  /** Takes the next block from the network. Throws E_LENGTH, E_INTEGRITY, E_PROTO or what the disk says. */
  async block({ data, digest }: Extract<Frame, { type: "block" }>): Promise<void> {
    const left = this.open.entry.size - this.#received;
    if (data.length > left) throw new LanxferError("E_LENGTH", { text: "more bytes than announced" });
    if (data.length !== Math.min(BLOCK_SIZE, left))
      throw new LanxferError("E_LENGTH", { text: "a block is too short" });
    if (!digestBlock(data).equals(digest)) throw new LanxferError("E_INTEGRITY");
    if (this.open.part === undefined) throw new LanxferError("E_PROTO", { text: "a block of what is here" });
    await this.add(data, digest);
  }

  /** Writes the next block, whose digest this is, unless it is there already. Throws what the disk says. */
  async add(data: Buffer, digest: Uint8Array, there = false): Promise<void> {
    const { reports, memory } = this.#deps;
    const number = this.#digests.count;
    this.#digests.push(digest);
    const position = this.#received;
    this.#received += data.length;
    const wrote = (written: number) => {
      reports.wrote(written);
      if (written > 0) this.#checkpoints?.wrote(number);
      memory.recycle(data);
    };
    if (there) return wrote(data.length);
    await memory.writeBehind.take(data.length);
    try {
      this.open.part?.write(data, position, (written) => {
        wrote(written);
        memory.writeBehind.give(data.length);
      });
    } catch (error) {
      throw storageError(error);
    }
  }

  /** All content has come. Throws E_LENGTH when that is not so; otherwise returns its root. */
  ended(): string | undefined {
    const { held, entry } = this.open;
    if (this.#received !== entry.size) throw new LanxferError("E_LENGTH", { text: "fewer bytes than announced" });
    return held?.finished === true ? held.root : this.#digests.root();
  }

  /** Resolves when no flush of it is under way. */
  async idle(): Promise<void> {
    await this.#checkpoints?.idle();
  }

  /** It ends here for now: bytes of it that can be taken up again, and whether what was claimed of it is true. */
  async keep(): Promise<{ readonly bytes: number; readonly sound: boolean }> {
    const { blocks, sound } = (await this.#checkpoints?.end()) ?? { blocks: 0, sound: true };
    return { bytes: bytesIn(blocks, this.open.entry.size), sound };
  }

  /** Closes it without finishing. Never rejects. */
  async abandon(): Promise<void> {
    await this.open.part?.abandon();
  }
}
