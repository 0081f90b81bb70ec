/**
 * The commit: gives what is complete and flushed its final name in the inbox
 * (PROTOCOL 5). Nothing that exists is ever replaced: link(2) and mkdir(2) fail
 * on a taken name, a dangling symbolic link or a pipe alike, and the next name is
 * tried. rename(2) is used only onto a name that we have just made ourselves.
 */

import { constants } from "node:fs";
import { link, mkdir, open, rename, rmdir, unlink } from "node:fs/promises";
import { LanxferError, systemCode } from "../core/errors.ts";
import { numberedName, portableName } from "../core/names.ts";
import type { PinnedDir } from "./pinned.ts";
import { statsOf } from "./settle.ts";

/** Names tried before giving up; each is one system call. */
const MAX_NUMBER = 10_000;

/** What link(2) says where the file system has no hard links (FAT, some network and FUSE mounts). */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);
/**
 * What is said of a name that this file system cannot hold. SMB servers and exFAT
 * over FUSE call it missing, which a path that is really missing stays at the
 * next attempt.
 */
const BAD_NAME = new Set(["EINVAL", "EILSEQ", "ENOENT"]);

/**
 * Told, and awaited, before anything gets the name `as`: whoever finds us killed
 * has to know which name it may be. `reserved` says that something empty of ours
 * may stand there.
 */
export type Intend = (as: string, reserved: boolean) => Promise<void>;

/** Publishes the file `part`; resolves to the name it got. The part is gone afterwards. */
export async function publishFile(
  inbox: PinnedDir,
  staging: PinnedDir,
  part: string,
  name: string,
  intend: Intend,
): Promise<string> {
  const from = staging.path(part);
  const as = await firstFree(name, false, async (candidate) => {
    const final = inbox.path(candidate);
    await assertFree(final);
    await intend(candidate, false);
    try {
      await link(from, final);
    } catch (error) {
      if (!NO_LINKS.has(systemCode(error) ?? "")) throw error;
      await intend(candidate, true);
      await reserveAndRename(from, final);
    }
  });
  await inbox.sync();
  // Fails where the rename took it; a part that stays is a second name of what was published.
  await unlink(from).catch(() => {});
  return as;
}

/** Publishes the staged folder `part`; resolves to the name it got. */
export async function publishFolder(
  inbox: PinnedDir,
  staging: PinnedDir,
  part: string,
  name: string,
  intend: Intend,
): Promise<string> {
  const as = await firstFree(name, true, async (candidate) => {
    const final = inbox.path(candidate);
    await assertFree(final);
    await intend(candidate, true);
    await mkdir(final, { mode: 0o700 });
    try {
      // Replaces our own empty directory in one step; fails if something was put into it.
      await rename(staging.path(part), final);
    } catch (error) {
      await rmdir(final).catch(() => {});
      throw error;
    }
  });
  await inbox.sync();
  return as;
}

/** Throws EEXIST for what is there by now. Only link(2) and mkdir(2) decide; this spares the intention. */
async function assertFree(final: string): Promise<void> {
  if ((await statsOf(final)) !== undefined) throw Object.assign(new Error("EEXIST"), { code: "EEXIST" });
}

async function reserveAndRename(from: string, final: string): Promise<void> {
  const reserved = await open(final, constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  await reserved.close();
  try {
    await rename(from, final);
  } catch (error) {
    await unlink(final).catch(() => {});
    throw error;
  }
}

/**
 * Calls `attempt` with `name`, `name (1)`, … until one is free, and resolves to
 * that one. A name that the file system cannot hold is changed once, for all
 * attempts, to one that it can.
 */
export async function firstFree(
  name: string,
  folder: boolean,
  attempt: (candidate: string) => Promise<void>,
): Promise<string> {
  let base = name;
  for (let n = 0; n < MAX_NUMBER; ) {
    const candidate = numberedName(base, n, folder);
    try {
      await attempt(candidate);
      return candidate;
    } catch (error) {
      const code = systemCode(error) ?? "";
      if (BAD_NAME.has(code) && base !== portableName(base)) base = portableName(base);
      else if (code === "EEXIST" || code === "ENOTEMPTY") n++;
      else throw error;
    }
  }
  throw new LanxferError("E_INBOX", { text: `${MAX_NUMBER} files have that name already` });
}
