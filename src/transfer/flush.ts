/**
 * Makes what was written durable: with an fsync(2) of each file, or, where many
 * wait and the file system is one of those of which that is known to be as good,
 * with one flush of the whole of it, syncfs(2). What either promises is in
 * docs/adr/0006-one-flush-for-many-files.md.
 *
 * Node has no syncfs; `sync -f` of coreutils has. Where it fails, each file is
 * asked by an fsync of its own, which also tells what failed.
 */

import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { platform, release } from "node:os";
import { Budget } from "../core/ahead.ts";
import type { Clock } from "../core/clock.ts";
import type { PinnedDir } from "./pinned.ts";

/** From this many on, the file system is flushed as a whole: about where starting a program begins to pay. */
const GROUP = 16;
/** How long is gathered for a flush of the whole (milliseconds): starting a program takes the main thread several. */
const GATHER_MS = 200;
/** Complete files of all transfers together that may wait: about what comes in that time. */
const WAITING = 4096;
/** Absolute, because what a PATH finds is not to be trusted with durability. */
const SYNC = "/bin/sync";
/**
 * Numbers of file systems (linux/magic.h) on which syncfs(2) waits for data and
 * metadata of all files and empties the disk's cache: ext2 to ext4, XFS, Btrfs,
 * F2FS, and tmpfs, where there is nothing to wait for. Others, FUSE and network
 * file systems among them, may only hand the data on.
 */
const WHOLE = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994]);
/** Before Linux 5.8 syncfs(2) kept silent about what could not be written. */
const SINCE = [5, 8] as const;

export interface FileSystem {
  /** `st_dev` of what is on it. */
  readonly device: number;
  /** A flush of the whole is as good as one of each file. */
  readonly whole: boolean;
}

/** Flushes the file system that an open file is on. Resolves to whether that was done. Never rejects. */
export type FlushFileSystem = (descriptor: number) => Promise<boolean>;

interface Unflushed {
  /** Any open descriptor on its file system. */
  readonly descriptor: number;
  readonly fsync: () => Promise<void>;
  readonly done: (flushing?: Promise<void>) => void;
}

export class Flusher {
  /** To be taken by each file that is going to be flushed, and given back when it is closed. */
  readonly places = new Budget(WAITING);
  readonly #clock: Clock;
  readonly #flushFileSystem: FlushFileSystem;
  /** What waits, by device, as long as that device is being flushed. */
  readonly #waiting = new Map<number, Unflushed[]>();
  #hurried = 0;
  /** Ends what is being gathered. */
  readonly #gathering = new Set<() => void>();

  constructor(clock: Clock, flushFileSystem: FlushFileSystem = syncFileSystem) {
    this.#clock = clock;
    this.#flushFileSystem = flushFileSystem;
  }

  /**
   * Resolves when all that was written through `handle` before the call is
   * durable; rejects with the system's error. `handle` has to stay open until
   * then, and is not to be flushed again after a failure: the kernel may have
   * marked what it could not write as clean.
   */
  flush(handle: FileHandle, on: FileSystem): Promise<void> {
    return this.#flush(on, handle.fd, () => handle.sync());
  }

  /** The same for a file that was written and closed: `name` in `dir`, which stays open until then. */
  flushClosed(dir: PinnedDir, name: string): Promise<void> {
    return this.flushOn(dir, () => fsyncIn(dir, name));
  }

  /** The same for anything else on the file system of `dir`, which stays open until then; `fsync` flushes it alone. */
  flushOn(dir: PinnedDir, fsync: () => Promise<void>): Promise<void> {
    return this.#flush(dir.fileSystem, dir.descriptor, fsync);
  }

  /** Flushes without gathering during `work`, which waits for nothing else. */
  async hurry<T>(work: () => Promise<T>): Promise<T> {
    this.#hurried++;
    for (const end of this.#gathering) end();
    try {
      return await work();
    } finally {
      this.#hurried--;
    }
  }

  #flush(on: FileSystem, descriptor: number, fsync: () => Promise<void>): Promise<void> {
    return new Promise<void>((resolve) => {
      const unflushed = { descriptor, fsync, done: resolve };
      const waiting = this.#waiting.get(on.device);
      if (waiting !== undefined) waiting.push(unflushed);
      else void this.#flushAll(on, unflushed);
    });
  }

  /** Who asks meanwhile is served by the next round, never by one that has begun. */
  async #flushAll({ device, whole }: FileSystem, first: Unflushed): Promise<void> {
    const waiting = [first];
    this.#waiting.set(device, waiting);
    while (waiting.length > 0) {
      const many = whole && waiting.length >= GROUP;
      if (many && this.#hurried === 0) await this.#gather();
      const group = waiting.splice(0);
      const descriptor = group[0]?.descriptor;
      if (many && descriptor !== undefined && (await this.#flushFileSystem(descriptor))) {
        for (const { done } of group) done();
        continue;
      }
      const flushing = group.map(({ fsync, done }) => {
        const flush = fsync();
        done(flush);
        return flush;
      });
      await Promise.allSettled(flushing);
    }
    this.#waiting.delete(device);
  }

  async #gather(): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        this.#gathering.delete(end);
        resolve();
      };
      const cancel = this.#clock.after(GATHER_MS, end);
      this.#gathering.add(end);
    });
  }
}

/** Flushes what is called `name` in `dir`, by an fsync of its own. Throws the system's error. */
export async function fsyncIn(dir: PinnedDir, name: string): Promise<void> {
  const handle = await open(dir.path(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The file system of what `path` leads to. */
export async function fileSystemOf(path: string, device: number): Promise<FileSystem> {
  if (platform() !== "linux") return { device, whole: false };
  return { device, whole: WHOLE.has((await statfs(path)).type) && reportsErrors(release()) };
}

/** Whether syncfs(2) of a Linux kernel tells of errors. */
export function reportsErrors(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((number) => Number.parseInt(number, 10));
  return major > SINCE[0] || (major === SINCE[0] && minor >= SINCE[1]);
}

/** `sync -f` on the open file itself: its path may lead elsewhere by now. */
function syncFileSystem(descriptor: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(SYNC, ["-f", "/proc/self/fd/3"], {
      stdio: ["ignore", "ignore", "ignore", descriptor],
      env: {},
    });
    child.once("error", () => resolve(false));
    child.once("exit", (status) => resolve(status === 0));
  });
}
