/**
 * What is to be sent: a walk over files and folders of this machine, in the
 * order in which entries go over the wire (PROTOCOL 4.3): a folder, then all that
 * is in it, names sorted, so that two walks over the same tree agree.
 *
 * A path that the user named may be a symbolic link; links, sockets, pipes and
 * devices found inside a folder are skipped and reported. Nothing is opened here.
 */

import type { Stats } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { LanxferError, systemCode } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import { MAX_DEPTH, MAX_PATH_BYTES } from "./wire.ts";

export type Walked =
  | { readonly kind: "entry"; readonly entry: SourceEntry }
  | { readonly kind: "skipped"; readonly path: string; readonly reason: string };

export interface SourceEntry {
  /** Components on the wire; the first is the name of the top-level item. */
  readonly path: readonly string[];
  /** Where it is on this machine. */
  readonly source: string;
  readonly type: "file" | "folder";
  /** Bytes; 0 for a folder. */
  readonly size: number;
  /** Milliseconds since 1970, whole. */
  readonly mtime: number;
  /** The same with its fraction, as exact as it gets, to notice a change. */
  readonly modified: number;
  readonly executable: boolean;
  /** Identity of the file, to notice that it was replaced. */
  readonly inode: number;
}

export interface SourceTotals {
  readonly items: readonly { readonly name: string; readonly type: "file" | "folder" }[];
  readonly entries: number;
  readonly bytes: number;
  readonly skipped: number;
}

/** Names looked up at a time inside a folder: hides the latency of a disk without flooding the thread pool. */
const LOOKUPS = 32;

/**
 * Walks `paths` (absolute). Throws E_SOURCE_MISSING, E_SOURCE_UNREADABLE,
 * E_SOURCE_TYPE (for a path the user named) and E_NAME (for a name that no
 * receiver may take).
 */
export async function* walk(paths: readonly string[], signal: AbortSignal): AsyncGenerator<Walked> {
  for (const path of paths) {
    const top = await resolveTop(path);
    yield* visit([top.name], top.source, top.stats, signal);
  }
}

/** Walks once and adds up. `onSkipped` is told of each skipped path. */
export async function measure(
  paths: readonly string[],
  signal: AbortSignal,
  onSkipped: (path: string, reason: string) => void,
): Promise<SourceTotals> {
  const items: { name: string; type: "file" | "folder" }[] = [];
  let entries = 0;
  let bytes = 0;
  let skipped = 0;
  for await (const walked of walk(paths, signal)) {
    if (walked.kind === "skipped") {
      skipped++;
      onSkipped(walked.path, walked.reason);
      continue;
    }
    const { path, type, size } = walked.entry;
    if (path.length === 1) items.push({ name: path[0] ?? "", type });
    entries++;
    bytes += size;
  }
  return { items, entries, bytes, skipped };
}

async function resolveTop(path: string): Promise<{ name: string; source: string; stats: Stats }> {
  const plain = resolve(path);
  const name = basename(plain);
  if (name === "") throw new LanxferError("E_SOURCE_TYPE", { path });
  checkName(name);
  try {
    const source = await realpath(plain);
    const stats = await lstat(source);
    if (!stats.isFile() && !stats.isDirectory()) throw new LanxferError("E_SOURCE_TYPE", { path });
    return { name, source, stats };
  } catch (error) {
    throw sourceError(error, path);
  }
}

async function* visit(
  path: readonly string[],
  source: string,
  stats: Stats,
  signal: AbortSignal,
): AsyncGenerator<Walked> {
  signal.throwIfAborted();
  if (!stats.isFile() && !stats.isDirectory()) {
    yield { kind: "skipped", path: source, reason: describe(stats) };
    return;
  }
  checkPath(path, source);
  const folder = stats.isDirectory();
  yield {
    kind: "entry",
    entry: {
      path,
      source,
      type: folder ? "folder" : "file",
      size: folder ? 0 : stats.size,
      mtime: Math.floor(stats.mtimeMs),
      modified: stats.mtimeMs,
      executable: !folder && (stats.mode & 0o100) !== 0,
      inode: stats.ino,
    },
  };
  if (!folder) return;
  const names = await sortedNames(source);
  for (let at = 0; at < names.length; at += LOOKUPS) {
    const batch = names.slice(at, at + LOOKUPS);
    const found = await Promise.all(batch.map((name) => lookUp(source, name)));
    for (const [i, name] of batch.entries()) {
      const inner = found[i];
      if (inner !== undefined) yield* visit([...path, name], join(source, name), inner, signal);
    }
  }
}

async function sortedNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error) => {
    throw sourceError(error, folder);
  });
  names.sort();
  // Equal names were different bytes on the disk.
  const twice = names.find((name, i) => name === names[i + 1]);
  if (twice !== undefined) throw notUtf8(folder, twice);
  return names;
}

async function lookUp(folder: string, name: string): Promise<Stats> {
  try {
    return await lstat(join(folder, name));
  } catch (error) {
    // Node decodes names as UTF-8; one that is not becomes another name, which is not there.
    if (systemCode(error) === "ENOENT" && name.includes("\ufffd")) throw notUtf8(folder, name);
    throw sourceError(error, join(folder, name));
  }
}

function notUtf8(folder: string, name: string): LanxferError {
  return new LanxferError("E_NAME", { path: join(folder, name), text: "not valid UTF-8" });
}

function checkPath(path: readonly string[], source: string): void {
  checkName(path.at(-1) ?? "");
  const bytes = path.reduce((sum, name) => sum + Buffer.byteLength(name) + 1, -1);
  if (path.length > MAX_DEPTH || bytes > MAX_PATH_BYTES) {
    throw new LanxferError("E_NAME", { path: source, text: "the path is too deep or too long" });
  }
}

function describe(stats: Stats): string {
  if (stats.isSymbolicLink()) return "symbolic link";
  if (stats.isFIFO()) return "named pipe";
  if (stats.isSocket()) return "socket";
  return "device";
}

/** A system error about a source, in our words. */
export function sourceError(error: unknown, path: string): LanxferError {
  if (error instanceof LanxferError) return error;
  const code = systemCode(error);
  const gone = code === "ENOENT" || code === "ENOTDIR";
  if (gone) return new LanxferError("E_SOURCE_MISSING", { path }, { cause: error });
  const text = code === "EACCES" || code === "EPERM" ? "permission denied" : (code ?? String(error));
  return new LanxferError("E_SOURCE_UNREADABLE", { path, text }, { cause: error });
}
