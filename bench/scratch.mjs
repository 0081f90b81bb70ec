// The place where the benchmark works, and the proof that a copy is one.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat, statfs } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import path from "node:path";
import { run, which } from "./process.mjs";

const TMPFS_MAGIC = 0x01021994; // linux/magic.h

export async function describePlace(directory) {
  const tmpfs = (await statfs(directory)).type === TMPFS_MAGIC;
  const [cpu] = cpus();
  return {
    directory: path.dirname(directory),
    storage: tmpfs ? "tmpfs (memory)" : "disk",
    cpu: `${cpus().length} × ${cpu?.model.trim() ?? "unknown"}`,
    node: process.version,
    load: loadavg()[0],
  };
}

/** Rejects when fewer than `bytes` are free. */
export async function room(directory, bytes) {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < bytes * 1.05) {
    throw new Error(`${path.dirname(directory)} needs ${Math.ceil((bytes * 1.05) / 1024 ** 2)} MiB of free space`);
  }
}

/** Writes out what is in the cache of this file system. */
export async function flushed(directory) {
  if (await which("sync")) await run(["sync", "-f", directory]);
}

/** Rejects unless `copies` are other files and trees with the very same content. */
export async function assertCopied(source, copies, contender) {
  source.digest ??= await digest(source.paths);
  if ((await digest(copies)) !== source.digest) throw new Error(`${contender} did not deliver what was sent`);
  for (const [n, copy] of copies.entries()) {
    const [from, to] = await Promise.all([stat(source.paths[n]), stat(copy)]);
    if (from.dev === to.dev && from.ino === to.ino) throw new Error(`${contender} delivered the source itself`);
  }
}

async function digest(roots) {
  const hash = createHash("sha256");
  for (const root of roots) {
    for (const name of await names(root)) {
      hash.update(`${name}\0`);
      const file = createReadStream(path.join(root, name), { highWaterMark: 1024 ** 2 });
      for await (const chunk of file) hash.update(chunk);
    }
  }
  return hash.digest("hex");
}

/** Relative names of all files at or below `root`, sorted. */
async function names(root) {
  if (!(await stat(root)).isDirectory()) return ["."];
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))).sort();
}
