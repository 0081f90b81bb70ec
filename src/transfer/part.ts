/**
 * One file that is being received: blocks are written where they belong while
 * the next ones arrive, then the file is flushed. A part that is not finished
 * is removed with the transfer's staging directory.
 */

import { constants } from "node:fs";
import { copyFile, type FileHandle, open } from "node:fs/promises";
import { LanxferError } from "../core/errors.ts";
import type { Flusher } from "./flush.ts";
import { type Attributes, ignoringNotKept, type PinnedDir, setAttributes, THROUGH_DESCRIPTOR } from "./pinned.ts";
import { firstFree } from "./publish.ts";
import { statsOf } from "./settle.ts";

const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR;

/** While it grows. */
const PRIVATE = 0o600;

/** mtime is kept between these (milliseconds since 1970): what 32-bit tools and FAT can show. */
const OLDEST = 0;
const NEWEST = 4_294_967_295_000;

export class Part {
  /** The name it got in its directory. */
  readonly name: string;
  readonly #dir: PinnedDir;
  readonly #handle: FileHandle;
  readonly #writes = new Set<Promise<void>>();
  /** Where what was written ends (bytes). */
  #end: number;
  #failure: { readonly error: unknown } | undefined;

  private constructor(dir: PinnedDir, name: string, handle: FileHandle, end: number) {
    this.#dir = dir;
    this.#end = end;
    this.name = name;
    this.#handle = handle;
  }

  /** Creates the file under `name` or, where that is taken, the next free name. */
  static async create(dir: PinnedDir, name: string): Promise<Part> {
    let handle: FileHandle | undefined;
    const as = await firstFree(name, false, async (candidate) => {
      handle = await open(dir.path(candidate), CREATE, PRIVATE);
    });
    if (handle === undefined) throw new Error("firstFree resolved without an attempt");
    return new Part(dir, as, handle, 0);
  }

  /** Opens a part that an earlier attempt has left, and cuts off what is behind `bytes`. */
  static async reopen(dir: PinnedDir, name: string, bytes: number): Promise<Part> {
    const handle = await open(dir.path(name), constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      await handle.truncate(bytes);
      return new Part(dir, name, handle, bytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Takes over the first `bytes` of an open file where the file system lets two
   * files share content until one is written to; false, with nothing changed, where
   * it does not. To be called before anything is written. Throws the system's error
   * when the part is not as it was.
   */
  async clone(from: FileHandle, bytes: number): Promise<boolean> {
    if (!THROUGH_DESCRIPTOR) return false;
    const cloned = await copyFile(pathOf(from), pathOf(this.#handle), constants.COPYFILE_FICLONE_FORCE).then(
      () => true,
      () => false,
    );
    // libuv copies the mode before it tries; with one that forbids writing, the part could not be opened again.
    await ignoringNotKept(this.#handle.chmod(PRIVATE));
    if (!cloned) return false;
    await this.#handle.truncate(bytes); // somebody may have written more to it since it was looked at
    this.#end = bytes;
    return true;
  }

  /** Fills `block` with what is written from `position` on. Throws the system's error, or when there is less. */
  async read(block: Buffer, position: number): Promise<void> {
    await readFully(this.#handle, block, position);
  }

  /** Begins to write; `done` is called in any case. A failure is thrown by the next call. */
  write(data: Buffer, position: number, done: (written: number) => void): void {
    if (this.#failure !== undefined) {
      done(0);
      throw this.#failure.error;
    }
    this.#end = Math.max(this.#end, position + data.length);
    const write = this.#writeAll(data, position).then(
      () => done(data.length),
      (error: unknown) => {
        this.#failure ??= { error };
        done(0);
      },
    );
    this.#writes.add(write);
    void write.then(() => this.#writes.delete(write));
  }

  /**
   * Waits for the writes, sets the attributes, flushes and closes. After a
   * failed flush the kernel may call the data clean, so it is never tried again:
   * the caller drops the part.
   */
  async finish({ mtime, mode }: Attributes, flusher: Flusher): Promise<void> {
    try {
      await Promise.all(this.#writes);
      if (this.#failure !== undefined) throw this.#failure.error;
      await setAttributes(this.#handle, { mtime: clampTime(mtime), mode });
      await flusher.flush(this.#handle, this.#dir.fileSystem);
      await this.#assertInPlace();
    } finally {
      await this.#handle.close();
    }
  }

  /** Makes the content durable that was written before the call. After a failure nothing of it can be relied on. */
  async flushContent(): Promise<void> {
    await this.#handle.datasync();
  }

  /** Waits for the writes. Resolves to the time of the last change after them (nanoseconds). */
  async settled(): Promise<bigint> {
    await Promise.all(this.#writes);
    return (await this.#handle.stat({ bigint: true })).ctimeNs;
  }

  /** Closes without finishing. Never rejects. */
  async abandon(): Promise<void> {
    await Promise.all(this.#writes);
    await this.#handle.close().catch(() => {});
  }

  /** It is going to be published by its name: what somebody put in its place meanwhile must not be. */
  async #assertInPlace(): Promise<void> {
    const [written, named] = await Promise.all([this.#handle.stat(), statsOf(this.#dir.path(this.name))]);
    if (written.ino !== named?.ino || written.dev !== named.dev) {
      throw new LanxferError("E_INBOX", { text: "what was received was moved, removed or replaced" });
    }
    if (written.size !== this.#end) throw new LanxferError("E_INBOX", { text: "what was received was written to" });
  }

  async #writeAll(data: Buffer, position: number): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const { bytesWritten } = await this.#handle.write(data, at, data.length - at, position + at);
      at += bytesWritten;
    }
  }
}

/** Fills `block` from `position` of a file on. Throws the system's error, or when the file is shorter. */
export async function readFully(handle: FileHandle, block: Buffer, position: number): Promise<void> {
  for (let filled = 0; filled < block.length; ) {
    const { bytesRead } = await handle.read(block, filled, block.length - filled, position + filled);
    if (bytesRead === 0) throw new Error("the file is shorter than it was");
    filled += bytesRead;
  }
}

function pathOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

/** A time that a peer chose, moved into what file systems and tools can take. */
export function clampTime(mtime: number): number {
  return Math.min(Math.max(mtime, OLDEST), NEWEST);
}
