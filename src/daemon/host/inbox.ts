/** The folder of the inbox: there, a directory, known by its real path, and on the disk that it was on. */

import { constants, type StatsFs } from "node:fs";
import { access, mkdir, realpath, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { LanxferError, systemCode } from "../../core/errors.ts";

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "the folder around it does not exist",
  EEXIST: "it is not a directory",
  ENOTDIR: "something on its path is not a directory",
  EACCES: "permission denied",
  EROFS: 'the disk is read-only, or the service may not write there before "lanxferctl service install" was run again',
};

/**
 * Makes the inbox where it is missing and resolves to its path without links; it
 * may be a link to a directory. Only the default one is made with its parents: a
 * missing parent of another one may be a disk that is not mounted. Throws
 * E_INBOX_LOCAL.
 */
export async function prepareInbox(path: string, isDefault: boolean): Promise<string> {
  try {
    if (isDefault) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await mkdir(path, { mode: 0o700 }).catch((error) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    if ((await stat(path)).isDirectory()) {
      await access(path, constants.W_OK | constants.X_OK);
      return await realpath(path);
    }
  } catch (error) {
    const code = systemCode(error) ?? String(error);
    throw new LanxferError("E_INBOX_LOCAL", { path, text: WORDS[code] ?? code }, { cause: error });
  }
  throw new LanxferError("E_INBOX_LOCAL", { path, text: "it is not a directory" });
}

/** Whether a disk is mounted at this very directory. */
export async function isMountPoint(path: string): Promise<boolean> {
  const [inner, outer] = await Promise.all([stat(path), stat(dirname(path))]);
  return inner.dev !== outer.dev;
}

/**
 * The room on the inbox's disk. Throws what the system says of an inbox that is
 * not there, and E_INBOX where a disk was mounted at the start (`mounted`) and is
 * not now: what came would lie on the disk below, out of sight once it is back.
 */
export async function inboxSpace(path: string, mounted: boolean): Promise<StatsFs> {
  if (mounted && !(await isMountPoint(path))) throw new LanxferError("E_INBOX", { text: "its disk is not mounted" });
  return statfs(path);
}
