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

const THROUGH_DESCRIPTOR = platform() === "linux";

export class PinnedDir {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #device: number;
  readonly #inode: number;
  /** Flushes the directory's entries. Calls that overlap share a flush. */
  readonly sync: () => Promise<void>;

  private constructor(handle: FileHandle, path: string, device: number, inode: number) {
    this.#handle = handle;
    this.#path = path;
    this.#device = device;
    this.#inode = inode;
    this.sync = coalesce(() => handle.sync());
  }

  /** Opens a real directory; a symbolic link in its place is ELOOP or ENOTDIR. */
  static async open(path: string): Promise<PinnedDir> {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    const { dev, ino } = await handle.stat();
    return new PinnedDir(handle, path, dev, ino);
  }

  /** A path to `name` in this directory, for use now. `name` is one component. */
  path(name: string): string {
    return THROUGH_DESCRIPTOR ? `/proc/self/fd/${this.#handle.fd}/${name}` : join(this.#path, name);
  }

  /** Creates and opens a directory in this one. EEXIST when the name is taken. */
  async create(name: string, mode: number): Promise<PinnedDir> {
    await mkdir(this.path(name), { mode });
    return PinnedDir.open(this.path(name));
  }

  /** Opens a directory in this one, creating it when it is missing. */
  async ensure(name: string, mode: number): Promise<PinnedDir> {
    await mkdir(this.path(name), { mode }).catch((error) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    return PinnedDir.open(this.path(name));
  }

  /** Throws E_INBOX unless the path still leads to this very directory. */
  async verify(): Promise<void> {
    const now = await lstat(this.#path).catch(() => undefined);
    if (now === undefined || now.dev !== this.#device || now.ino !== this.#inode) {
      throw new LanxferError("E_INBOX", { text: "the inbox was moved, removed or replaced" });
    }
  }

  /** Sets the modification time (milliseconds since 1970). */
  async touch(mtime: number): Promise<void> {
    await this.#handle.utimes(toSeconds(mtime), toSeconds(mtime));
  }

  async chmod(mode: number): Promise<void> {
    await this.#handle.chmod(mode);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * Milliseconds as the seconds that utimes(2) takes through Node: a double whose
 * fraction is cut, not rounded, so half a microsecond keeps the millisecond.
 */
export function toSeconds(ms: number): number {
  return (ms + 0.0005) / 1000;
}
