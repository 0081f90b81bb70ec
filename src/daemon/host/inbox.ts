/** The inbox at the start: there, a directory, and known by its real path. */

import { mkdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { LanxferError, systemCode } from "../../core/errors.ts";

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "the folder around it does not exist",
  EEXIST: "it is not a directory",
  ENOTDIR: "something on its path is not a directory",
  EACCES: "permission denied",
  EROFS: "read-only file system",
};

/**
 * Makes the inbox where it is missing and resolves to its path without links; it
 * may be a link to a directory. Only the default one is made with its parents: a
 * missing parent of another one may be a disk that is not mounted. Throws
 * E_INBOX_LOCAL.
 */
export async function prepareInbox(path: string, isDefault: boolean): Promise<string> {
  try {
    if (!isDefault) await stat(dirname(path));
    await mkdir(path, { recursive: true, mode: 0o700 });
    if ((await stat(path)).isDirectory()) return await realpath(path);
  } catch (error) {
    const code = systemCode(error) ?? String(error);
    throw new LanxferError("E_INBOX_LOCAL", { path, text: WORDS[code] ?? code }, { cause: error });
  }
  throw new LanxferError("E_INBOX_LOCAL", { path, text: "it is not a directory" });
}
