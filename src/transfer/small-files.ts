/**
 * Work on many small files at a time, done by two threads for all transfers of
 * a device: one looks and reads, one writes. It says what the system says; what
 * that means for a transfer is decided by whoever asks.
 */

import { constants } from "node:fs";
import { LanxferError } from "../core/errors.ts";
import { FileThread } from "./file-thread.ts";
import { BLOCK_PREFIX } from "./frames.ts";
import { NOT_KEPT } from "./pinned.ts";
import { MiB } from "./wire.ts";

/** From this many on, a batch is worth a message to another thread. */
export const MANY = 16;
/** Files of one batch, and bytes of them: what is ready early is sent or saved early. */
export const BATCH_FILES = 64;
export const BATCH_CONTENT = 1 * MiB;

/** What the thread has to know before the first job. */
export interface Setup {
  readonly prefix: number;
  readonly notKept: readonly string[];
}

/** The facts are numbers of a fixed count for each file, so that they travel as one array. */
export type Job =
  /** Out: mode, size, mtime (ms), inode of each name. */
  | { readonly is: "look"; readonly folder: string; readonly names: readonly string[] }
  /** In: size, inode, mtime (ms). Out: the contents, each behind the room for a block's header. */
  | { readonly is: "read"; readonly paths: readonly string[]; readonly facts: Float64Array }
  /** In: size, mode, mtime (s), and the contents one after another. */
  | {
      readonly is: "write";
      readonly paths: readonly string[];
      readonly facts: Float64Array;
      readonly data: ArrayBuffer;
    };

/** A system error as it travels from a thread; without a code, a file that is not what was listed. */
export interface Failure {
  readonly at: number;
  readonly message: string;
  readonly code?: string | undefined;
  readonly errno?: number | undefined;
  readonly syscall?: string | undefined;
}

export interface Outcome {
  readonly failures: readonly Failure[];
  readonly data: ArrayBuffer;
}

/** What lstat(2) tells. */
export interface Looked {
  readonly mode: number;
  readonly size: number;
  /** Milliseconds since 1970, with their fraction. */
  readonly modified: number;
  readonly inode: number;
}

export interface SmallSource {
  readonly source: string;
  readonly size: number;
  readonly modified: number;
  readonly inode: number;
}

export interface SmallFile {
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

interface Unwritten {
  readonly file: SmallFile;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const PROGRAM = new URL("./file-worker.js", import.meta.url);
const SETUP: Setup = { prefix: BLOCK_PREFIX, notKept: [...NOT_KEPT] };

export class SmallFiles {
  readonly #reading = new FileThread<Job, Outcome>(PROGRAM, SETUP);
  readonly #writing = new FileThread<Job, Outcome>(PROGRAM, SETUP);
  #users = 0;
  #unwritten: Unwritten[] = [];
  #isWriting = false;

  /** Does `work`, during which the threads stay once they have been started. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work();
    } finally {
      await this.#leave();
    }
  }

  /** Yields what `values` does. The threads stay from the first to the last of it. */
  async *throughout<T>(values: AsyncIterable<T>): AsyncGenerator<T, void> {
    this.#users++;
    try {
      yield* values;
    } finally {
      await this.#leave();
    }
  }

  async #leave(): Promise<void> {
    if (--this.#users === 0) await Promise.all([this.#reading.end(), this.#writing.end()]);
  }

  /** What each of `names` in `folder` is, links not followed; an error where that cannot be told. */
  async look(folder: string, names: readonly string[]): Promise<(Looked | Error)[]> {
    const { failures, data } = await this.#reading.run({ is: "look", folder, names });
    const facts = new Float64Array(data);
    const looked: (Looked | Error)[] = names.map((_, i) => {
      const [mode = 0, size = 0, modified = 0, inode = 0] = facts.subarray(i * 4, i * 4 + 4);
      return { mode, size, modified, inode };
    });
    for (const failure of failures) looked[failure.at] = toError(failure);
    return looked;
  }

  /**
   * Each file whole, behind BLOCK_PREFIX bytes of room; or why not: a system
   * error, or E_SOURCE_CHANGED.
   */
  async read(files: readonly SmallSource[]): Promise<(Buffer | Error)[]> {
    const paths = files.map(({ source }) => source);
    const facts = Float64Array.from(files.flatMap(({ size, inode, modified }) => [size, inode, modified]));
    const { failures, data } = await this.#reading.run({ is: "read", paths, facts });
    let start = 0;
    const frames: (Buffer | Error)[] = files.map(({ size }) => {
      const frame = Buffer.from(data, start, BLOCK_PREFIX + size);
      start += frame.length;
      return frame;
    });
    for (const failure of failures) {
      const changed = () => new LanxferError("E_SOURCE_CHANGED", { path: paths[failure.at] ?? "" });
      frames[failure.at] = failure.code === undefined ? changed() : toError(failure);
    }
    return frames;
  }

  /** Creates a file that is not there yet, unflushed. Rejects with what the system says; see `isTaken`. */
  write(file: SmallFile): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unwritten.push({ file, resolve, reject });
      void this.#writeAll();
    });
  }

  /** One batch at a time: while it is written the next one gathers. */
  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#unwritten.length > 0) await this.#writeBatch(this.#unwritten.splice(0, BATCH_FILES));
    this.#isWriting = false;
  }

  async #writeBatch(batch: readonly Unwritten[]): Promise<void> {
    const files = batch.map(({ file }) => file);
    const paths = files.map(({ path }) => path);
    const facts = Float64Array.from(files.flatMap(({ data, mode, mtime }) => [data.length, mode, mtime]));
    const contents = Buffer.allocUnsafeSlow(files.reduce((sum, file) => sum + file.data.length, 0));
    let end = 0;
    for (const { data } of files) {
      contents.set(data, end);
      end += data.length;
    }
    const data = contents.buffer;
    try {
      const { failures } = await this.#writing.run({ is: "write", paths, facts, data }, [data]);
      for (const failure of failures) batch[failure.at]?.reject(toError(failure));
      for (const { resolve } of batch) resolve(); // those that failed know it
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** Whether a file could not be created, which says nothing about whether it can be under another name. */
export function isNotCreated(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "create";
}

export function isFile({ mode }: Looked): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFREG;
}

export function isFolder({ mode }: Looked): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFDIR;
}

function toError({ message, code, errno, syscall }: Failure): Error {
  return Object.assign(new Error(message), { code, errno, syscall });
}
