/**
 * A directory that stays the one it was when it was opened, whatever happens to
 * its path. Node has no openat(2); on Linux /proc/self/fd gives the same: a path
 * through the open descriptor cannot be led elsewhere by swapping a parent for a
 * symbolic link. Elsewhere the path is used, and `verify` compares the identity.
 */

import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import { coalesce } from "../core/ahead.ts";
import { LanxferError, systemCode } from "../core/errors.ts";
import { type FileSystem, type Flusher, fileSystemOf } from "./flush.ts";

/** Open files and directories have paths that lead to them, wherever their names have gone. */
export const THROUGH_DESCRIPTOR = platform() === "linux";

export class PinnedDir {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #inode: number;
  readonly fileSystem: FileSystem;
  /** Flushes the directory's entries. Calls that overlap share a flush. */
  readonly sync: () => Promise<void>;

  private constructor(handle: FileHandle, path: string, inode: number, fileSystem: FileSystem) {
    this.#handle = handle;
    this.#path = path;
    this.#inode = inode;
    this.fileSystem = fileSystem;
    this.sync = coalesce(() => handle.sync());
  }

  /** Opens a real directory; a symbolic link in its place is ELOOP or ENOTDIR. `known` is what it may be on. */
  static async open(path: string, known?: FileSystem): Promise<PinnedDir> {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      const { dev, ino } = await handle.stat();
      return new PinnedDir(handle, path, ino, known?.device === dev ? known : await fileSystemOf(path, dev));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** For use while it is open. */
  get descriptor(): number {
    return this.#handle.fd;
  }

  /** A path to `name` in this directory, for use now. `name` is one component. */
  path(name: string): string {
    return THROUGH_DESCRIPTOR ? `/proc/self/fd/${this.#handle.fd}/${name}` : join(this.#path, name);
  }

  /** Opens a directory in this one; a symbolic link in its place is ELOOP or ENOTDIR. */
  open(name: string): Promise<PinnedDir> {
    return PinnedDir.open(this.path(name), this.fileSystem);
  }

  /** Creates and opens a directory in this one. EEXIST when the name is taken. */
  async create(name: string, mode: number): Promise<PinnedDir> {
    await mkdir(this.path(name), { mode });
    return this.open(name);
  }

  /** Opens a directory in this one, creating it when it is missing. */
  async ensure(name: string, mode: number): Promise<PinnedDir> {
    await mkdir(this.path(name), { mode }).catch((error) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    return this.open(name);
  }

  /** Throws E_INBOX unless the path still leads to this very directory. */
  async verify(): Promise<void> {
    const now = await lstat(this.#path).catch(() => undefined);
    if (now === undefined || now.dev !== this.fileSystem.device || now.ino !== this.#inode) {
      throw new LanxferError("E_INBOX", { text: "the inbox was moved, removed or replaced" });
    }
  }

  /** Mode and modification time, as far as the file system keeps them. */
  setAttributes(attributes: Attributes): Promise<void> {
    return setAttributes(this.#handle, attributes);
  }

  /** Makes its entries durable together with what else is being flushed. */
  async flush(flusher: Flusher): Promise<void> {
    await flusher.flush(this.#handle, this.fileSystem);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

export interface Attributes {
  /** Milliseconds since 1970. */
  readonly mtime: number;
  readonly mode: number;
}

/** What is said where a file system has no permissions or times of its own (FAT, SMB). */
export const NOT_KEPT = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** Sets mode and modification time, as far as the file system keeps them. */
export async function setAttributes(handle: FileHandle, { mtime, mode }: Attributes): Promise<void> {
  await ignoringNotKept(handle.chmod(mode));
  await ignoringNotKept(handle.utimes(toSeconds(mtime), toSeconds(mtime)));
}

/** Waits for attributes to be set. Throws the system's error, but not the one for what the file system does not keep. */
export async function ignoringNotKept(setting: Promise<void>): Promise<void> {
  await setting.catch((error: unknown) => {
    if (!NOT_KEPT.has(systemCode(error) ?? "")) throw error;
  });
}

/**
 * Milliseconds as the seconds that utimes(2) takes through Node: a double whose
 * fraction is cut, not rounded, so half a microsecond keeps the millisecond.
 */
export function toSeconds(ms: number): number {
  return (ms + 0.0005) / 1000;
}

/** Whether a failed open(2) says that nothing is there, or something of another kind. */
export function isNotThere(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error) ?? "");
}
