/**
 * Where a transfer grows before it is published: `.lanxfer/` inside the inbox,
 * so that a rename never crosses file systems, and one directory per transfer in
 * it. Its name holds the first characters of our own device id: several daemons
 * may share an inbox, and each touches only what is its own. It holds those of
 * the sender's, too: what one device left is never found by another.
 */

import { lstat, readdir, rm } from "node:fs/promises";
import { constants as os } from "node:os";
import { LanxferError, systemCode } from "../core/errors.ts";
import { type DeviceId, isTransferId, shortId, type TransferId } from "../core/ids.ts";
import { findHeld, type Held } from "./held.ts";
import { JOURNAL, Journal, readJournal } from "./journal.ts";
import { claimed, type Offered } from "./journal-lines.ts";
import { isNotThere, PinnedDir } from "./pinned.ts";
import { settlePublishing } from "./settle.ts";

const STAGING = ".lanxfer";
const PRIVATE = 0o700;

export interface Staging {
  readonly inbox: PinnedDir;
  readonly dir: PinnedDir;
  readonly journal: Journal;
  /** What earlier attempts have left. */
  readonly held: Held;
  /** The directory and the journal are there after a power cut, too. To be awaited before anything is published. */
  readonly durable: Promise<void>;
  /** Closes everything; removes the directory with all that is in it, unless it is to be kept. Never rejects. */
  dispose(keep: boolean): Promise<void>;
}

/** Whose transfer it is and which. */
export interface StagingKey {
  readonly self: DeviceId;
  readonly peer: DeviceId;
  readonly id: TransferId;
}

const nameOf = ({ self, peer, id }: StagingKey) => `${shortId(self)}.${shortId(peer)}.${id}`;

/**
 * Opens the inbox and makes room for a transfer in it, or opens what an earlier
 * attempt has left, if `resume` allows that. Throws E_INBOX or E_NO_SPACE.
 */
export async function openStaging(
  inboxPath: string,
  key: StagingKey,
  offer: Offered,
  resume: boolean,
): Promise<Staging> {
  const open: { close(): Promise<void> }[] = [];
  let undo = async () => {};
  const closeAll = async () => {
    for (const each of open.reverse()) await each.close().catch(() => {});
  };
  try {
    const inbox = await PinnedDir.open(inboxPath);
    open.push(inbox);
    const all = await inbox.ensure(STAGING, PRIVATE);
    open.push(all);
    const name = nameOf(key);
    const found = resume ? await openKept(all, name, inbox, key) : undefined;
    if (found === undefined) {
      await rm(all.path(name), { recursive: true, force: true });
      undo = () => rm(all.path(name), { recursive: true, force: true });
    }
    const dir = found?.dir ?? (await all.create(name, PRIVATE));
    open.push(dir);
    const journal = await Journal.open(dir, found?.record);
    open.push(journal);
    const { t, id, entries, bytes, count, items, there } = offer;
    const offered = { t, id, entries, bytes, count, items, ...(there !== undefined && { there }) };
    journal.add({ t: "offer", v: 1, peer: key.peer, offer: offered });
    await journal.write();
    const durable = Promise.all([dir.sync(), all.sync()]).then(() => {});
    durable.catch(() => {}); // met by whoever publishes
    return {
      inbox,
      dir,
      journal,
      held: found?.held ?? new Map(),
      durable,
      async dispose(keep) {
        await durable.catch(() => {});
        await journal.close();
        if (!keep) await rm(all.path(name), { recursive: true, force: true }).catch(() => {});
        await closeAll();
      },
    };
  } catch (error) {
    await undo().catch(() => {});
    await closeAll();
    throw storageError(error);
  }
}

/** Undefined when there is nothing, or nothing that can be relied on. */
async function openKept(all: PinnedDir, name: string, inbox: PinnedDir, key: StagingKey) {
  const dir = await PinnedDir.open(all.path(name)).catch((error) => {
    if (!isNotThere(error)) throw error; // what is kept there must not be thrown away for a want of descriptors
    return undefined;
  });
  if (dir === undefined) return undefined;
  try {
    const record = await readJournal(dir.path(JOURNAL));
    const ours = record?.peer === key.peer && record.offer.id === key.id;
    if (record !== undefined && ours) {
      await settlePublishing(record, inbox, dir);
      return { dir, record, held: await findHeld(record, dir) };
    }
  } catch (error) {
    await dir.close();
    throw error;
  }
  await dir.close();
  return undefined;
}

/** A transfer of which something is kept for a further attempt. */
export interface Kept {
  readonly peer: DeviceId;
  readonly offer: Offered;
  /** Bytes of content that are here, as far as the journal knows. */
  readonly bytes: number;
  /** When the last attempt ended, about (milliseconds since 1970). */
  readonly since: number;
}

/**
 * Looks through what earlier runs of this device left in the staging directory,
 * finishes what was being published, and removes what nothing can be made of.
 */
export async function findKept(inboxPath: string, self: DeviceId): Promise<Kept[]> {
  const kept: Kept[] = [];
  await inStaging(inboxPath, async (all, inbox) => {
    const own = (await readdir(all.path("."))).filter((name) => name.startsWith(`${shortId(self)}.`));
    for (const name of own) {
      const found = await readKept(all, name, inbox).catch((error) => (isNotThere(error) ? undefined : "unreadable"));
      if (found === "unreadable") continue; // now; another start may see more
      if (found !== undefined && name === nameOf({ self, peer: found.peer, id: found.offer.id })) kept.push(found);
      else if (isOwn(name, self)) await rm(all.path(name), { recursive: true, force: true });
    }
  });
  return kept;
}

/** Removes what is kept of a transfer. Does nothing when there is nothing. */
export async function removeKept(inboxPath: string, key: StagingKey): Promise<void> {
  await inStaging(inboxPath, (all) => rm(all.path(nameOf(key)), { recursive: true, force: true }));
}

async function readKept(all: PinnedDir, name: string, inbox: PinnedDir): Promise<Kept | undefined> {
  const dir = await PinnedDir.open(all.path(name));
  try {
    const record = await readJournal(dir.path(JOURNAL));
    if (record === undefined || record.entries.size === 0) return undefined;
    await settlePublishing(record, inbox, dir);
    const { mtimeMs } = await lstat(dir.path(JOURNAL));
    return { peer: record.peer, offer: record.offer, bytes: claimed(record), since: mtimeMs };
  } finally {
    await dir.close();
  }
}

/** Calls `work` with the staging directory, if there is one. */
async function inStaging(inboxPath: string, work: (all: PinnedDir, inbox: PinnedDir) => Promise<void>): Promise<void> {
  const inbox = await PinnedDir.open(inboxPath);
  try {
    // A link in the place of our directory leads to somebody else's files.
    const stats = await lstat(inbox.path(STAGING)).catch(() => undefined);
    if (stats === undefined || !stats.isDirectory()) return;
    const all = await PinnedDir.open(inbox.path(STAGING));
    await work(all, inbox).finally(() => all.close());
  } finally {
    await inbox.close();
  }
}

/** The second form is that of version 0.1, in which nothing can be resumed. */
function isOwn(name: string, self: DeviceId): boolean {
  const [device, ...rest] = name.split(".");
  return device === shortId(self) && rest.length <= 2 && isTransferId(rest.at(-1));
}

/** What went wrong on the receiving disk, in words for the sender. */
export function storageError(error: unknown): LanxferError {
  if (error instanceof LanxferError) return error;
  const code = systemCode(error) ?? "";
  if (isDiskFull(error)) return new LanxferError("E_NO_SPACE", {}, { cause: error });
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

/** The disk is full, or the user's part of it. */
export function isDiskFull(error: unknown): boolean {
  // libuv has no name for EDQUOT, only its number.
  const isOverQuota = error instanceof Error && "errno" in error && error.errno === -os.errno.EDQUOT;
  return isOverQuota || systemCode(error) === "ENOSPC";
}
