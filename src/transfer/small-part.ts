/**
 * One small file that is being received: it is kept in memory until it is
 * complete, and then created, written and flushed together with others. To its
 * user it is what a Part is; nothing of it is on the disk before `finish`.
 */

import type { Flusher } from "./flush.ts";
import { clampTime, Part } from "./part.ts";
import { type Attributes, type PinnedDir, toSeconds } from "./pinned.ts";
import { isNotCreated, type SmallFiles } from "./small-files.ts";

/** Larger files are written while they arrive (bytes). */
export const SMALL_PART = 64 * 1024;

const EMPTY = Buffer.alloc(0);

export class SmallPart {
  readonly #dir: PinnedDir;
  readonly #files: SmallFiles;
  #name: string;
  #data: Buffer = EMPTY;
  #done: (written: number) => void = () => {};

  constructor(dir: PinnedDir, name: string, files: SmallFiles) {
    this.#dir = dir;
    this.#name = name;
    this.#files = files;
  }

  /** The name it got in its directory; the one it is to get before it is finished. */
  get name(): string {
    return this.#name;
  }

  /** Keeps the content, which comes in one piece; `done` is called in any case when it is written or given up. */
  write(data: Buffer, _position: number, done: (written: number) => void): void {
    this.#data = data;
    this.#done = done;
  }

  /** Creates, writes, flushes. Rejects with the system's error. */
  async finish(attributes: Attributes, flusher: Flusher): Promise<void> {
    try {
      const mtime = toSeconds(clampTime(attributes.mtime));
      await this.#files.write({ path: this.#dir.path(this.#name), data: this.#data, mode: attributes.mode, mtime });
      this.#settle(this.#data.length);
    } catch (error) {
      if (isNotCreated(error)) return await this.#finishOtherwise(attributes, flusher);
      throw error;
    } finally {
      this.#settle(0);
    }
    await flusher.flushClosed(this.#dir, this.#name);
  }

  /** Gives up what is in memory. Never rejects. */
  async abandon(): Promise<void> {
    this.#settle(0);
  }

  /** Its name is taken, or none that this file system can hold: what then, a Part knows. */
  async #finishOtherwise(attributes: Attributes, flusher: Flusher): Promise<void> {
    const part = await Part.create(this.#dir, this.#name);
    this.#name = part.name;
    part.write(this.#data, 0, (written) => this.#settle(written));
    await part.finish(attributes, flusher);
  }

  #settle(written: number): void {
    const done = this.#done;
    this.#done = () => {};
    this.#data = EMPTY;
    done(written);
  }
}
