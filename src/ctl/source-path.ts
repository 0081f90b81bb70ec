/** The full path of something to send. */

import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LanxferError, systemCode } from "../core/errors.ts";

/**
 * `text`, from the working directory. In a path with `..` links are followed
 * up to the last name: taken out as text, `link/../x` would name a neighbour of
 * the link and not one of its target. Throws E_SOURCE_MISSING or E_SOURCE_UNREADABLE.
 */
export async function sourcePath(text: string): Promise<string> {
  try {
    if (!text.split("/").includes("..")) return resolve(text);
    const name = basename(text);
    const named = name !== ".." && name !== ".";
    return named ? join(await realpath(dirname(text)), name) : await realpath(text);
  } catch (error) {
    const missing = systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR";
    const cause = { cause: error };
    if (missing) throw new LanxferError("E_SOURCE_MISSING", { path: text }, cause);
    throw new LanxferError("E_SOURCE_UNREADABLE", { path: text }, cause);
  }
}
