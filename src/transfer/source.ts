/**
 * What is to be sent: a walk over files and folders of this machine, in the
 * order in which entries go over the wire (PROTOCOL 4.3): a folder, then all that
 * is in it, names sorted, so that two walks over the same tree agree.
 *
 * A path that the user named may be a symbolic link; links, sockets, pipes and
 * devices found inside a folder are skipped and reported. What is excluded is
 * looked at no further: an excluded folder is not entered. Nothing is opened here.
 */

import { constants, type Stats } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { assertNever } from "../core/assert.ts";
import { LanxferError, systemCode } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import { type Excludes, Selection } from "./selection.ts";
import { isFile, isFolder, type Looked, MANY, type SmallFiles } from "./small-files.ts";
import { MAX_DEPTH, MAX_PATH_BYTES } from "./wire.ts";

/** What the user wants to send. */
export interface Sources {
  /** Absolute. */
  readonly paths: readonly string[];
  /** Patterns of what is left out (selection.ts). */
  readonly exclude: readonly string[];
}

export type Walked =
  | { readonly kind: "entry"; readonly entry: SourceEntry }
  | { readonly kind: "excluded"; readonly path: string; readonly type: "file" | "folder" }
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
  /** What an excluded folder has in it is not counted, because it is not known. */
  readonly excluded: number;
  /** The same as long as nothing came, went, was replaced or written to: for telling, not for trusting. */
  readonly stamp: string;
}

/** Names looked up at a time inside a folder. */
const LOOKUPS = 256;

/**
 * Walks over all of it. Throws E_SOURCE_MISSING, E_SOURCE_UNREADABLE,
 * E_SOURCE_TYPE (for a path the user named) and E_NAME (for a name that no
 * receiver may take).
 */
export async function* walk(
  { paths, exclude }: Sources,
  files: SmallFiles,
  signal: AbortSignal,
): AsyncGenerator<Walked, void> {
  const walk = new Walk(new Selection(exclude), files, signal);
  for (const path of paths) yield* walk.top(await resolveTop(path));
}

/** Walks once and adds up. `onSkipped` is told of each skipped path. Throws also E_NOTHING. */
export async function measure(
  sources: Sources,
  files: SmallFiles,
  signal: AbortSignal,
  onSkipped: (path: string, reason: string) => void,
): Promise<SourceTotals> {
  const items: { name: string; type: "file" | "folder" }[] = [];
  let entries = 0;
  let bytes = 0;
  let skipped = 0;
  let excluded = 0;
  const stamp = new Stamp();
  for await (const walked of walk(sources, files, signal)) {
    switch (walked.kind) {
      case "entry": {
        const { path, type, size, modified, inode } = walked.entry;
        for (const fact of [size, modified * 1_000, inode]) stamp.add(Math.round(fact));
        if (path.length === 1) items.push({ name: path[0] ?? "", type });
        entries++;
        bytes += size;
        break;
      }
      case "skipped":
        skipped++;
        onSkipped(walked.path, walked.reason);
        break;
      case "excluded":
        excluded++;
        break;
      default:
        assertNever(walked);
    }
  }
  if (items.length === 0) throw new LanxferError("E_NOTHING");
  return { items, entries, bytes, skipped, excluded, stamp: stamp.text };
}

/** FNV-1a over numbers, twice: a hundred thousand files are to cost nothing. */
class Stamp {
  #low = 0x811c9dc5;
  #high = 0x01000193;

  /** A safe integer. */
  add(fact: number): void {
    const [low, high] = [fact >>> 0, Math.floor(fact / 2 ** 32) >>> 0];
    this.#low = Math.imul(this.#low ^ low, 0x01000193);
    this.#high = Math.imul(this.#high ^ high ^ (this.#low >>> 15), 0x01000193);
  }

  get text(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** A path that the user named. */
interface Top {
  readonly name: string;
  readonly source: string;
  readonly looked: Looked;
}

async function resolveTop(path: string): Promise<Top> {
  const plain = resolve(path);
  const name = basename(plain);
  if (name === "") throw new LanxferError("E_SOURCE_TYPE", { path });
  checkName(name);
  try {
    const source = await realpath(plain);
    const looked = told(await lstat(source));
    if (!isFile(looked) && !isFolder(looked)) throw new LanxferError("E_SOURCE_TYPE", { path });
    return { name, source, looked };
  } catch (error) {
    throw sourceError(error, path);
  }
}

class Walk {
  readonly #selection: Selection;
  readonly #files: SmallFiles;
  readonly #signal: AbortSignal;

  constructor(selection: Selection, files: SmallFiles, signal: AbortSignal) {
    this.#selection = selection;
    this.#files = files;
    this.#signal = signal;
  }

  async *top({ name, source, looked }: Top): AsyncGenerator<Walked, void> {
    const left = excluded(this.#selection.within([]), name, source, looked);
    if (left === undefined) yield* this.#visit([name], source, looked);
    else yield left;
  }

  async *#visit(path: readonly string[], source: string, looked: Looked): AsyncGenerator<Walked, void> {
    this.#signal.throwIfAborted();
    const walked = describe(path, source, looked);
    yield walked;
    if (walked.kind === "skipped" || walked.entry.type === "file") return;
    const names = await sortedNames(source);
    for (let at = 0; at < names.length; at += LOOKUPS) {
      this.#signal.throwIfAborted();
      const batch = names.slice(at, at + LOOKUPS);
      const found = await this.#look(source, batch);
      const excludes = this.#selection.within(path);
      for (const [i, name] of batch.entries()) {
        const inner = found[i];
        if (inner instanceof Error) throw lookError(inner, source, name);
        if (inner === undefined) continue;
        const left = excluded(excludes, name, join(source, name), inner);
        // Only for what has something in it: a generator for each of a hundred thousand files costs more than they do.
        if (left !== undefined) yield left;
        else if (isFolder(inner)) yield* this.#visit([...path, name], join(source, name), inner);
        else yield describe([...path, name], join(source, name), inner);
      }
    }
  }

  #look(folder: string, names: readonly string[]): Promise<(Looked | Error)[]> {
    if (names.length >= MANY) return this.#files.look(folder, names);
    const look = (name: string) => lstat(join(folder, name)).then(told, (error: Error) => error);
    return Promise.all(names.map(look));
  }
}

function excluded(excludes: Excludes, name: string, path: string, looked: Looked): Walked | undefined {
  const folder = isFolder(looked);
  return excludes(name, folder) ? { kind: "excluded", path, type: folder ? "folder" : "file" } : undefined;
}

function told({ mode, size, mtimeMs, ino }: Stats): Looked {
  return { mode, size, modified: mtimeMs, inode: ino };
}

function describe(path: readonly string[], source: string, looked: Looked): Exclude<Walked, { kind: "excluded" }> {
  const folder = isFolder(looked);
  if (!folder && !isFile(looked)) return { kind: "skipped", path: source, reason: kindOf(looked) };
  checkPath(path, source);
  return {
    kind: "entry",
    entry: {
      path,
      source,
      type: folder ? "folder" : "file",
      size: folder ? 0 : looked.size,
      mtime: Math.floor(looked.modified),
      modified: looked.modified,
      executable: !folder && (looked.mode & constants.S_IXUSR) !== 0,
      inode: looked.inode,
    },
  };
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

function lookError(error: Error, folder: string, name: string): LanxferError {
  // Node decodes names as UTF-8; one that is not becomes another name, which is not there.
  if (systemCode(error) === "ENOENT" && name.includes("\ufffd")) return notUtf8(folder, name);
  return sourceError(error, join(folder, name));
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

function kindOf({ mode }: Looked): string {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFLNK:
      return "symbolic link";
    case constants.S_IFIFO:
      return "named pipe";
    case constants.S_IFSOCK:
      return "socket";
    default:
      return "device";
  }
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
