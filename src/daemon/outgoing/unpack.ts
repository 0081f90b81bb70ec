/**
 * Writes a bundle into the directory of a copy, as it comes, and makes it
 * durable. Each top-level item has a folder of its own there, as two may have
 * the same name. Nothing is written elsewhere: names are single components
 * (bundle.ts), and files are only ever created.
 */

import { type FileHandle, mkdir, open, utimes } from "node:fs/promises";
import { join } from "node:path";
import { mapAhead, until } from "../../core/ahead.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { toSeconds } from "../../transfer/pinned.ts";
import { type BundledFile, type BundledFolder, unbundle } from "./bundle.ts";

const PRIVATE = 0o600;
const PRIVATE_FOLDER = 0o700;
/** Files that may be open until they are flushed: enough for one flush of them all (transfer/flush.ts). */
const UNFLUSHED = 64;

export interface UnpackDeps {
  /** Room for so many bytes, asked for before they are written. */
  readonly take: (bytes: number) => Promise<void>;
  /** Makes an open file durable. */
  readonly flush: (file: FileHandle) => Promise<void>;
  /** The same for a folder, when all that is in it was made. */
  readonly flushFolder: (path: string) => Promise<void>;
}

export interface Unpacked {
  /** Of the top-level items, in their order. */
  readonly paths: string[];
  readonly bytes: number;
}

interface Written {
  readonly file: FileHandle;
  readonly path: string;
  readonly mtime: number;
}

/**
 * Throws what `unbundle` does, E_USAGE for an order of entries that makes no
 * sense, E_NAME for a name that is there twice, and the reason of `signal`.
 */
export async function unpack(
  root: string,
  content: AsyncIterable<Uint8Array>,
  { take, flush, flushFolder }: UnpackDeps,
  signal: AbortSignal,
): Promise<Unpacked> {
  const paths: string[] = [];
  const folders: string[] = [root];
  let bytes = 0;
  let top: BundledFolder | BundledFile | undefined;

  /** Where an entry goes; makes the place of a top-level one. */
  const placeOf = async (entry: BundledFolder | BundledFile): Promise<string> => {
    const isTop = entry.path.length === 1;
    const within = top?.is === "folder" && top.path[0] === entry.path[0];
    if (!isTop && !within) throw new LanxferError("E_USAGE", { text: "bad bundle: a folder is missing" });
    const place = join(root, String(isTop ? paths.length : paths.length - 1));
    const target = join(place, ...entry.path);
    if (isTop) {
      top = entry;
      await mkdir(place, { mode: PRIVATE_FOLDER });
      folders.push(place);
      paths.push(target);
    }
    return target;
  };
  async function* written(): AsyncGenerator<Written> {
    for await (const entry of unbundle(until(signal, content))) {
      const target = await placeOf(entry);
      if (entry.is === "folder") {
        await once(entry, mkdir(target, { mode: PRIVATE_FOLDER }));
        folders.push(target);
        continue;
      }
      await take(entry.size); // before anything is read: what does not fit is refused at once
      const file = await once(entry, open(target, "wx", PRIVATE));
      try {
        for await (const chunk of entry.content) await file.appendFile(chunk);
      } catch (error) {
        await file.close();
        throw error;
      }
      bytes += entry.size;
      yield { file, path: target, mtime: entry.mtime };
    }
  }
  const finish = async ({ file, path, mtime }: Written): Promise<void> => {
    try {
      await utimes(path, toSeconds(mtime), toSeconds(mtime));
      await flush(file);
    } finally {
      await file.close();
    }
  };
  for await (const _ of mapAhead(written(), UNFLUSHED, finish)); // a failure is thrown in its turn
  if (paths.length === 0) throw new LanxferError("E_USAGE", { text: "bad bundle: there is nothing in it" });
  for (const folder of folders.reverse()) await flushFolder(folder);
  return { paths, bytes };
}

/** What is there already came a moment ago in the same bundle; a folder that is not, should have. */
async function once<T>({ path }: BundledFolder | BundledFile, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST") throw new LanxferError("E_NAME", { name: path.join("/"), text: "it is there twice" });
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new LanxferError("E_USAGE", { text: "bad bundle: a folder is missing" });
    }
    throw error;
  }
}
