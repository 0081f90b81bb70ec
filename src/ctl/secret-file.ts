/**
 * A new file for a secret. It is made before the secret is, so that what cannot
 * be written is not made; it is the user's alone, and never in the place of
 * anything that is there.
 */

import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { LanxferError, systemCode } from "../core/errors.ts";

// With O_EXCL no link is followed at the end of the path (open(2)); O_NOFOLLOW says so to whoever reads this.
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export class SecretFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #made: Stats;

  private constructor(path: string, file: FileHandle, made: Stats) {
    this.#path = path;
    this.#file = file;
    this.#made = made;
  }

  /** Throws E_OUTPUT, also when there is something at `path`. */
  static async create(path: string): Promise<SecretFile> {
    try {
      const file = await open(path, NEW_FILE, 0o600);
      return new SecretFile(path, file, await file.stat());
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Writes the file, and resolves when it will survive a power cut. Throws E_OUTPUT; the file is then gone. */
  async finish(content: string): Promise<void> {
    try {
      await this.#file.writeFile(content);
      await this.#file.sync();
      await this.#file.close();
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      await this.discard();
      throw unwritable(this.#path, error);
    }
  }

  /** Removes the file, and nothing that took its place. Never rejects. Idempotent. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    const there = await lstat(this.#path).catch(() => undefined);
    const isOurs = there?.ino === this.#made.ino && there.dev === this.#made.dev;
    if (isOurs) await unlink(this.#path).catch(() => undefined);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function unwritable(path: string, error: unknown): LanxferError {
  const known: Record<string, string> = {
    EEXIST: "there is something of this name already",
    ENOENT: "there is no such folder",
    ENOTDIR: "there is no such folder",
    EACCES: "not allowed",
    EPERM: "not allowed",
    ENOSPC: "no space left",
    EROFS: "the disk is read-only",
  };
  const text = known[systemCode(error) ?? ""] ?? (error instanceof Error ? error.message : String(error));
  return new LanxferError("E_OUTPUT", { path, text }, { cause: error });
}
