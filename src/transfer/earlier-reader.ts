/**
 * Reads files of earlier transfers where they stand. Nothing is followed out of
 * the inbox: each directory on the way is opened without links, and each file has
 * to be the one that was looked at. What is in it is for others to compare.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LanxferError } from "../core/errors.ts";
import type { EarlierFile } from "./earlier.ts";
import { type Flusher, fsyncIn } from "./flush.ts";
import { type Part, readFully } from "./part.ts";
import { isNotThere, type PinnedDir } from "./pinned.ts";
import { BLOCK_SIZE } from "./wire.ts";

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Files that are flushed at a time: each may have to be opened for that. */
const TOGETHER = 256;

export interface EarlierBlock {
  readonly data: Buffer;
  /** It is in the part that it is for. */
  readonly shared: boolean;
}

/** Reads such files, one after another: what is on the way to one of them stays open for the next. */
export class EarlierReader {
  readonly #inbox: PinnedDir;
  readonly #allocate: (length: number) => Buffer;
  readonly #signal: AbortSignal;
  #open: { readonly name: string; readonly dir: PinnedDir }[] = [];

  constructor(inbox: PinnedDir, allocate: (length: number) => Buffer, signal: AbortSignal) {
    this.#inbox = inbox;
    this.#allocate = allocate;
    this.#signal = signal;
  }

  /**
   * Its blocks, in order, and whether `part` has them already: where content can be
   * shared they are read from there. Throws E_INTEGRITY when it is not the file that
   * was looked at, or cannot be read.
   */
  async *blocks({ names, looked }: EarlierFile, part?: Part): AsyncGenerator<EarlierBlock, void> {
    let handle: FileHandle | undefined;
    try {
      const dir = await this.#enter(names.slice(0, -1));
      handle = await open(dir.path(names.at(-1) ?? ""), READ);
      const now = await handle.stat();
      const { device } = this.#inbox.fileSystem; // which is all that is flushed
      const same = now.isFile() && now.dev === device && now.ino === looked.inode && now.size === looked.size;
      if (!same || now.mtimeMs !== looked.modified) throw new Error("it is another one now");
      const shared =
        part !== undefined && looked.size > BLOCK_SIZE && (await part.clone(handle, looked.size)) ? part : undefined;
      for (let at = 0; at < looked.size; at += BLOCK_SIZE) {
        this.#signal.throwIfAborted();
        const data = this.#allocate(Math.min(BLOCK_SIZE, looked.size - at));
        if (shared === undefined) await readFully(handle, data, at);
        else await shared.read(data, at);
        yield { data, shared: shared !== undefined };
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error instanceof LanxferError ? error : new LanxferError("E_INTEGRITY", {}, { cause: error });
    } finally {
      await handle?.close();
    }
  }

  /**
   * Makes files and folders durable that have these names, and the inbox: whoever
   * wrote them has perhaps not. Throws E_INTEGRITY for what is gone, or what the disk says.
   */
  async flush(all: readonly (readonly string[])[], flusher: Flusher): Promise<void> {
    await flusher.hurry(async () => {
      for (let at = 0; at < all.length; at += TOGETHER) {
        const some = all.slice(at, at + TOGETHER);
        const flushing = some.map((names) => flusher.flushOn(this.#inbox, () => this.#fsync(names)));
        const failed = (await Promise.allSettled(flushing)).find(({ status }) => status === "rejected");
        if (failed?.status === "rejected") throw failed.reason;
      }
      await this.#inbox.flush(flusher);
    });
  }

  async close(): Promise<void> {
    for (const { dir } of this.#open.splice(0)) await dir.close().catch(() => {});
  }

  async #fsync(names: readonly string[]): Promise<void> {
    const way: PinnedDir[] = [];
    let dir = this.#inbox;
    try {
      for (const name of names.slice(0, -1)) {
        dir = await dir.open(name);
        way.push(dir);
      }
      await fsyncIn(dir, names.at(-1) ?? "");
    } catch (error) {
      throw isNotThere(error) ? new LanxferError("E_INTEGRITY", {}, { cause: error }) : error;
    } finally {
      for (const each of way) await each.close();
    }
  }

  async #enter(names: readonly string[]): Promise<PinnedDir> {
    const common = this.#open.findIndex(({ name }, i) => name !== names[i]);
    const kept = common < 0 ? Math.min(this.#open.length, names.length) : common;
    for (const { dir } of this.#open.splice(kept).reverse()) await dir.close();
    for (const name of names.slice(kept)) {
      const around = this.#open.at(-1)?.dir ?? this.#inbox;
      this.#open.push({ name, dir: await around.open(name) });
    }
    return this.#open.at(-1)?.dir ?? this.#inbox;
  }
}
