/**
 * Copies of what will not be there when it is sent: sources that will go away,
 * which share their blocks with the copy where the file system can do that, and
 * what is piped in or comes from a browser. A copy lies in the directory of its transfer (outbox.ts), and
 * goes with it; one that a crash left without a job goes at the next start.
 */

import { constants, type Stats } from "node:fs";
import { copyFile, type FileHandle, lstat, mkdir, open, utimes } from "node:fs/promises";
import { join } from "node:path";
import { mapAhead, until } from "../../core/ahead.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import type { TransferId } from "../../core/ids.ts";
import { syncDirectory } from "../../identity/state-file.ts";
import { type FileSystem, type Flusher, fileSystemOf } from "../../transfer/flush.ts";
import { toSeconds } from "../../transfer/pinned.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { type SourceEntry, type Sources, sourceError, walk } from "../../transfer/source.ts";
import { isDiskFull } from "../../transfer/staging.ts";
import type { Outbox } from "./outbox.ts";
import { diskFull, type SpoolRoom } from "./spool-room.ts";
import { type Unpacked, unpack } from "./unpack.ts";

/** Files that are copied at a time, each in pieces: the threads for disks serve others, too. */
const WIDTH = 8;
const PIECE = 1024 * 1024;
const PRIVATE = 0o600;
const PRIVATE_EXECUTABLE = 0o700;

export interface SpoolDeps {
  readonly outbox: Outbox;
  readonly room: SpoolRoom;
  readonly files: SmallFiles;
  readonly flusher: Flusher;
}

/** A file as it was copied. */
export interface Copied {
  readonly path: string;
  readonly bytes: number;
}

export class Spool {
  readonly #deps: SpoolDeps;
  /** Cleared when the file system turns out not to share blocks. */
  #shares = true;

  constructor(deps: SpoolDeps) {
    this.#deps = deps;
  }

  /**
   * Copies all of `sources`, which are `bytes`, for the transfer `id`. Resolves to
   * the paths of the copies, in their order, when they will survive a power cut.
   * Throws what is wrong with the sources, E_SPOOL_FULL and E_STATE; what was
   * copied by then goes when the outbox removes that transfer.
   */
  async copy(id: TransferId, sources: Sources, bytes: number, signal: AbortSignal): Promise<string[]> {
    await this.#deps.room.take(id, bytes);
    return this.#into(id, async (root) => {
      const { dev } = await lstat(root);
      return this.#copyAll(root, sources, await fileSystemOf(root, dev), signal);
    });
  }

  /**
   * Writes what comes to a file `name`, no faster than the disk takes it. The same
   * as for `copy`; also throws what `content` does, and the reason of `signal`.
   */
  async receive(
    id: TransferId,
    name: string,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Copied> {
    return this.#into(id, async (root) => {
      const path = join(root, name);
      const file = await open(path, "wx", PRIVATE);
      let bytes = 0;
      try {
        for await (const chunk of until(signal, content)) {
          await this.#deps.room.take(id, chunk.length);
          await file.appendFile(chunk);
          bytes += chunk.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      for (const directory of [root, join(root, "..")]) await syncDirectory(directory);
      return { path, bytes };
    });
  }

  /**
   * Writes what comes as a bundle, with its folders. The same as for `receive`, and
   * as for `unpack`.
   */
  async unpack(id: TransferId, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Unpacked> {
    return this.#into(id, async (root) => {
      const on = await fileSystemOf(root, (await lstat(root)).dev);
      const unpacked = await unpack(
        root,
        content,
        {
          take: (bytes) => this.#deps.room.take(id, bytes),
          flush: (file) => this.#deps.flusher.flush(file, on),
          flushFolder: (path) => this.#flush(path, on),
        },
        signal,
      );
      await syncDirectory(join(root, ".."));
      return unpacked;
    });
  }

  async #into<T>(id: TransferId, work: (root: string) => Promise<T>): Promise<T> {
    const root = this.#deps.outbox.copyOf(id);
    try {
      await mkdir(root, { recursive: true, mode: 0o700 });
      return await work(root);
    } catch (error) {
      throw diskError(error, root);
    }
  }

  async #copyAll(root: string, sources: Sources, on: FileSystem, signal: AbortSignal): Promise<string[]> {
    const tops: string[] = [];
    const folders: { readonly entry: SourceEntry; readonly target: string }[] = [];
    const { files } = this.#deps;
    /** Makes the folders on the way, so that each is there before what is in it. */
    async function* filesOf(): AsyncGenerator<{ entry: SourceEntry; target: string }> {
      for await (const walked of walk(sources, files, signal)) {
        if (walked.kind !== "entry") continue;
        const { entry } = walked;
        const isTop = entry.path.length === 1;
        // Of their own, as two that the user named may have the same name.
        const place = join(root, String(isTop ? tops.length : tops.length - 1));
        const target = join(place, ...entry.path);
        if (isTop) {
          await mkdir(place, { mode: 0o700 });
          folders.push({ entry, target: place });
          tops.push(target);
        }
        if (entry.type === "file") yield { entry, target };
        else {
          await mkdir(target, { mode: 0o700 });
          folders.push({ entry, target });
        }
      }
    }
    const copying = mapAhead(filesOf(), WIDTH, ({ entry, target }) => this.#copyFile(entry, target, on, signal));
    for await (const _ of copying); // a failure is thrown in its turn
    // The innermost first: what comes into a folder changes its time.
    for (const { entry, target } of folders.reverse()) {
      await utimes(target, toSeconds(entry.mtime), toSeconds(entry.modified));
      await this.#flush(target, on);
    }
    for (const folder of [root, join(root, "..")]) await this.#flush(folder, on);
    return tops;
  }

  async #copyFile(entry: SourceEntry, target: string, on: FileSystem, signal: AbortSignal): Promise<void> {
    if (!(await this.#share(entry, target))) await copyContent(entry, target, signal);
    assertSame(await fromSource(entry, lstat(entry.source)), entry);
    await this.#flush(target, on, async (file) => {
      await file.chmod(entry.executable ? PRIVATE_EXECUTABLE : PRIVATE);
      await file.utimes(toSeconds(entry.modified), toSeconds(entry.modified));
    });
  }

  /** Resolves to whether the copy now shares its blocks with the source. */
  async #share({ source }: SourceEntry, target: string): Promise<boolean> {
    if (!this.#shares) return false;
    try {
      await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      return true;
    } catch (error) {
      const code = systemCode(error);
      // Between two file systems it never works, within one it may all the same.
      if (code !== "EXDEV") this.#shares = false;
      return false;
    }
  }

  async #flush(path: string, on: FileSystem, before: (file: FileHandle) => Promise<void> = async () => {}) {
    const file = await open(path, constants.O_RDONLY);
    try {
      await before(file);
      await this.#deps.flusher.flush(file, on);
    } finally {
      await file.close();
    }
  }
}

/** Copies in pieces, which can be interrupted and keep no thread for long. */
async function copyContent(entry: SourceEntry, target: string, signal: AbortSignal): Promise<void> {
  // Without O_NONBLOCK opening what has become a FIFO would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const from = await fromSource(entry, open(entry.source, flags));
  try {
    assertSame(await fromSource(entry, from.stat()), entry);
    const to = await open(target, "wx", PRIVATE);
    try {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(entry.size, 1)));
      for (let at = 0; at < entry.size; ) {
        signal.throwIfAborted();
        const { bytesRead } = await fromSource(entry, from.read(piece, 0, piece.length, at));
        if (bytesRead === 0) throw new LanxferError("E_SOURCE_CHANGED", { path: entry.source });
        await to.writeFile(piece.subarray(0, bytesRead));
        at += bytesRead;
      }
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** What goes wrong with the source is the user's business, not the disk's on which the copy is. */
async function fromSource<T>(entry: SourceEntry, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw sourceError(error, entry.source);
  }
}

type Found = Pick<Stats, "size" | "mtimeMs" | "ino">;

function assertSame({ size, mtimeMs, ino }: Found, entry: SourceEntry): void {
  const same = size === entry.size && mtimeMs === entry.modified && ino === entry.inode;
  if (!same) throw new LanxferError("E_SOURCE_CHANGED", { path: entry.source });
}

/** What went wrong on our own disk. */
function diskError(error: unknown, path: string): unknown {
  if (isDiskFull(error)) return diskFull(error);
  const code = systemCode(error);
  if (code === undefined) return error;
  const text = code === "EFBIG" ? "the file is too large for its file system" : code;
  return new LanxferError("E_STATE", { path, text }, { cause: error });
}
