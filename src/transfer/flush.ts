/**
 * Makes what was written durable: an fsync(2) for each file, which alone tells
 * whether its data was lost. Where many wait, one flush of the whole file
 * system, syncfs(2), goes before, so that their fsyncs find little left to do.
 *
 * Node has no syncfs; `sync -f` of coreutils has. What it says of errors is not
 * relied on: another program may have been told of ours.
 */

import { spawn } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import { platform } from "node:os";
import { Budget } from "../core/ahead.ts";

/** From this many on, the file system is flushed as a whole: about where starting a program begins to pay. */
const GROUP = 16;
/** Complete files of all transfers together that may be open while they wait: descriptors are bounded. */
const OPEN = 256;
/** Absolute, because what a PATH finds is not to be trusted with durability. */
const SYNC = "/bin/sync";

/** Flushes the file system that an open file is on, if that can be done here. Never rejects. */
export type FlushFileSystem = (handle: FileHandle) => Promise<void>;

export class Flusher {
  /** To be taken by each file that is going to be flushed, and given back when it is closed. */
  readonly places = new Budget(OPEN);
  readonly #flushFileSystem: FlushFileSystem;
  #waiting: { readonly handle: FileHandle; readonly done: (flushing: Promise<void>) => void }[] = [];
  #running = false;

  constructor(flushFileSystem: FlushFileSystem = syncFileSystem) {
    this.#flushFileSystem = flushFileSystem;
  }

  /**
   * Resolves when all that was written through `handle` before the call is
   * durable; rejects with the system's error. `handle` has to stay open until
   * then, and is not to be flushed again after a failure: the kernel may have
   * marked what it could not write as clean.
   */
  flush(handle: FileHandle): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#waiting.push({ handle, done: (flushing) => resolve(flushing) });
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const first = group.length >= GROUP ? group[0] : undefined;
      if (first !== undefined) await this.#flushFileSystem(first.handle);
      const flushing = group.map(({ handle, done }) => {
        const flush = handle.sync();
        done(flush);
        return flush;
      });
      await Promise.allSettled(flushing);
    }
    this.#running = false;
  }
}

/** `sync -f` on the open file itself: its path may lead elsewhere by now. */
function syncFileSystem(handle: FileHandle): Promise<void> {
  if (platform() !== "linux") return Promise.resolve();
  return new Promise((resolve) => {
    const child = spawn(SYNC, ["-f", "/proc/self/fd/3"], { stdio: ["ignore", "ignore", "ignore", handle.fd], env: {} });
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
}
