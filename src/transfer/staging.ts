/**
 * Where a transfer grows before it is published: `.lanxfer/` inside the inbox,
 * so that a rename never crosses file systems, and one directory per transfer in
 * it. Its name holds the first characters of our own device id: several daemons
 * may share an inbox, and each removes only what is its own.
 */

import { lstat, readdir, rm } from "node:fs/promises";
import { constants } from "node:os";
import { LanxferError, systemCode } from "../core/errors.ts";
import { type DeviceId, isTransferId, shortId, type TransferId } from "../core/ids.ts";
import { PinnedDir } from "./pinned.ts";

const STAGING = ".lanxfer";
const PRIVATE = 0o700;

export interface Staging {
  readonly inbox: PinnedDir;
  readonly dir: PinnedDir;
  /** Removes the transfer's directory with all that is left in it, and closes. Never rejects. */
  dispose(): Promise<void>;
}

/** Opens the inbox and makes room for a transfer in it. Throws E_INBOX, or E_BUSY when the id is in use. */
export async function openStaging(inboxPath: string, self: DeviceId, id: TransferId): Promise<Staging> {
  const open: PinnedDir[] = [];
  try {
    const inbox = await PinnedDir.open(inboxPath);
    open.push(inbox);
    const all = await inbox.ensure(STAGING, PRIVATE);
    open.push(all);
    const name = `${shortId(self)}.${id}`;
    const dir = await all.create(name, PRIVATE);
    open.push(dir);
    return {
      inbox,
      dir,
      async dispose() {
        await rm(all.path(name), { recursive: true, force: true }).catch(() => {});
        for (const each of open) await each.close().catch(() => {});
      },
    };
  } catch (error) {
    for (const each of open) await each.close().catch(() => {});
    throw systemCode(error) === "EEXIST"
      ? new LanxferError("E_BUSY", { text: "this transfer is already under way" }, { cause: error })
      : storageError(error);
  }
}

/** Removes what an earlier run of this device left behind. Resolves to how many transfers that were. */
export async function sweepStaging(inboxPath: string, self: DeviceId): Promise<number> {
  const inbox = await PinnedDir.open(inboxPath);
  try {
    // A link in the place of our directory leads to somebody else's files.
    const stats = await lstat(inbox.path(STAGING)).catch(() => undefined);
    if (stats === undefined || !stats.isDirectory()) return 0;
    const all = await PinnedDir.open(inbox.path(STAGING));
    try {
      const own = (await readdir(all.path("."))).filter((name) => isOwn(name, self));
      for (const name of own) await rm(all.path(name), { recursive: true, force: true });
      return own.length;
    } finally {
      await all.close();
    }
  } finally {
    await inbox.close();
  }
}

function isOwn(name: string, self: DeviceId): boolean {
  const [device, transfer, ...rest] = name.split(".");
  return device === shortId(self) && isTransferId(transfer) && rest.length === 0;
}

/** What went wrong on the receiving disk, in words for the sender. */
export function storageError(error: unknown): LanxferError {
  if (error instanceof LanxferError) return error;
  const code = systemCode(error) ?? "";
  if (code === "ENOSPC" || isOverQuota(error)) return new LanxferError("E_NO_SPACE", {}, { cause: error });
  const words: Readonly<Record<string, string>> = {
    EROFS: "read-only file system",
    EACCES: "permission denied",
    EPERM: "permission denied",
    ENOENT: "it does not exist",
    ENOTDIR: "it is not a directory",
    ELOOP: "it is a symbolic link",
    EIO: "input/output error",
    EFBIG: "the file is too large for its file system",
    EMFILE: "too many open files",
    ENFILE: "too many open files",
    ENAMETOOLONG: "a name is too long for its file system",
  };
  if (code === "") return new LanxferError("E_INTERNAL", { text: String(error) }, { cause: error });
  return new LanxferError("E_INBOX", { text: words[code] ?? code }, { cause: error });
}

/** libuv has no name for EDQUOT, only its number. */
function isOverQuota(error: unknown): boolean {
  return error instanceof Error && "errno" in error && error.errno === -constants.errno.EDQUOT;
}
