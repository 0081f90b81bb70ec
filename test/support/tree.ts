/**
 * Whole directory trees, to be compared before and after: "nothing outside the
 * inbox changed" and "what arrived is what was sent, byte by byte".
 *
 * SHA-256, not the digest of the product, so that a fault there cannot hide
 * itself here.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";

export interface Entry {
  readonly type: "file" | "folder" | "link" | "other";
  /** Bytes; 0 for what is not a file. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Permission bits, setuid and setgid included. */
  readonly mode: number;
  readonly executable: boolean;
  readonly inode: bigint;
  /** SHA-256 of a file, target of a link, otherwise empty. */
  readonly content: string;
}

/** Path relative to the root, `.` for the root itself, to entry. */
export type Tree = ReadonlyMap<string, Entry>;

/** The part of an entry that a comparison looks at. */
export type View = (entry: Entry) => Partial<Entry>;

/** Nothing was touched, not even replaced by an equal file. */
export const untouched: View = (entry) => entry;

/** What a copy keeps: permissions beyond the executable bit are the receiver's own. */
export const copied: View = ({ type, size, mtime, executable, content }) => ({
  type,
  size,
  executable,
  content,
  // Milliseconds: what every file system and the protocol can tell.
  mtime: mtime / 1_000_000n,
});

/** Reads everything below `root`. `skip` leaves out a path and what is below it. */
export async function readTree(root: string, skip: (relative: string) => boolean = () => false): Promise<Tree> {
  const tree = new Map<string, Entry>();
  const visit = async (relative: string): Promise<void> => {
    const absolute = path.join(root, relative);
    const entry = await readEntry(absolute);
    tree.set(relative, entry);
    if (entry.type !== "folder") return;
    for (const name of (await readdir(absolute)).sort()) {
      const inner = path.join(relative, name);
      if (!skip(inner)) await visit(inner);
    }
  };
  await visit(".");
  return tree;
}

/** One sentence a difference; empty when the trees are equal as `view` sees them. */
export function differences(before: Tree, after: Tree, view: View): string[] {
  const found: string[] = [];
  for (const [name, entry] of before) {
    const other = after.get(name);
    if (other === undefined) {
      found.push(`${name} is gone`);
      continue;
    }
    const is: Partial<Record<string, unknown>> = view(other);
    for (const [field, was] of Object.entries(view(entry))) {
      if (is[field] !== was) found.push(`${name}: ${field} was ${was}, is ${is[field]}`);
    }
  }
  for (const name of after.keys()) if (!before.has(name)) found.push(`${name} is new`);
  return found;
}

async function readEntry(absolute: string): Promise<Entry> {
  const stat = await lstat(absolute, { bigint: true });
  const type = stat.isFile() ? "file" : stat.isDirectory() ? "folder" : stat.isSymbolicLink() ? "link" : "other";
  const mode = Number(stat.mode) & 0o7777;
  return {
    type,
    size: type === "file" ? Number(stat.size) : 0,
    mtime: stat.mtimeNs,
    mode,
    executable: type === "file" && (mode & 0o100) !== 0,
    inode: stat.ino,
    content: type === "file" ? await digest(absolute) : type === "link" ? await readlink(absolute) : "",
  };
}

async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}
