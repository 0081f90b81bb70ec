/**
 * Keeps what the journal claims of one part just behind what is written and
 * flushed of it. Blocks are written side by side; only those without a gap
 * before them count.
 */

import type { DigestList } from "./blocks.ts";
import type { Journal } from "./journal.ts";
import type { Part } from "./part.ts";
import { BLOCK_SIZE, MiB } from "./wire.ts";

/** A power cut costs at most this much, sent again, and a flush of it does not hold up what comes behind. */
const CHECKPOINT = (64 * MiB) / BLOCK_SIZE; // blocks

export class Checkpoints {
  readonly #journal: Journal;
  readonly #n: number;
  readonly #part: Part;
  readonly #digests: DigestList;
  readonly #failed: (error: unknown) => void;
  /** Blocks that are written with no gap before them, those of them in the journal, those that are flushed. */
  #written: number;
  #recorded: number;
  #flushed: number;
  /** Written, but something before them is not. */
  readonly #ahead = new Set<number>();
  #flushing: Promise<void> | undefined;
  /** A flush has failed: the kernel may call the data clean, so another one proves nothing. */
  #broken = false;

  /** All blocks in `digests` are here already. `failed` is told when no claim can be made any more. */
  constructor(journal: Journal, n: number, part: Part, digests: DigestList, failed: (error: unknown) => void) {
    this.#journal = journal;
    this.#n = n;
    this.#part = part;
    this.#digests = digests;
    this.#failed = failed;
    this.#written = this.#recorded = this.#flushed = digests.count;
  }

  /** Block number `block` is written. */
  wrote(block: number): void {
    this.#ahead.add(block);
    while (this.#ahead.delete(this.#written)) this.#written++;
    this.#record();
    this.#journal.write().catch(this.#failed);
    if (this.#written - this.#flushed < CHECKPOINT || this.#flushing !== undefined) return;
    this.#flushing = this.#flush().then(
      () => {
        this.#flushing = undefined;
      },
      (error) => {
        this.#broken = true; // and none is begun again
        this.#failed(error);
      },
    );
  }

  /** Resolves when no flush is under way. */
  async idle(): Promise<void> {
    await this.#flushing;
  }

  /**
   * The part ends here for now: claims all that is written, so that nothing need
   * be read again, or, when it cannot be flushed, nothing. Resolves to how many
   * blocks that are, and whether what was claimed before is true whatever becomes
   * of the journal; never rejects.
   */
  async end(): Promise<{ readonly blocks: number; readonly sound: boolean }> {
    let blocks = 0;
    let sound = false;
    try {
      await this.#flushing;
      if (this.#broken) throw new Error("a flush failed");
      const changed = await this.#part.settled();
      this.#record();
      await this.#part.flushContent();
      sound = true;
      this.#journal.add({ t: "flushed", n: this.#n, blocks: this.#written });
      await this.#journal.sync();
      this.#flushed = blocks = this.#written;
      this.#journal.add({ t: "closed", n: this.#n, changed: String(changed) });
    } catch {
      if (!sound) this.#journal.add({ t: "dropped", n: this.#n });
    }
    await this.#journal.sync().catch(() => {});
    return { blocks, sound };
  }

  #record(): void {
    if (this.#written === this.#recorded) return;
    const digests = Buffer.from(this.#digests.slice(this.#recorded, this.#written)).toString("base64");
    this.#journal.add({ t: "written", n: this.#n, digests });
    this.#recorded = this.#written;
  }

  async #flush(): Promise<void> {
    const blocks = this.#written;
    await this.#part.flushContent();
    this.#journal.add({ t: "flushed", n: this.#n, blocks });
    await this.#journal.sync();
    this.#flushed = blocks;
  }
}
