// What is sent. The bytes are the key stream of a cipher, so that nothing can be
// compressed; its key and all sizes come from fixed seeds, so that every run
// sends the same.

import { createCipheriv } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import path from "node:path";

const KiB = 1024;
const MiB = 1024 ** 2;
const CHUNK = 8 * MiB;
const AT_ONCE = 8;

function binary(bytes) {
  const power = bytes < MiB ? 1 : bytes < 1024 * MiB ? 2 : 3;
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${["", "KiB", "MiB", "GiB"][power]}`;
}

/** A writer of files, each of them different, all of them the same for the same seed. */
function scribe(seed) {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK);
  return async (target, size) => {
    const file = await open(target, "wx");
    for (let left = size; left > 0; left -= CHUNK) await file.writeFile(cipher.update(zeros.subarray(0, left)));
    await file.close();
  };
}

/** A linear congruential generator (Knuth's MMIX): numbers from 0 to below `limit`, the same for the same seed. */
function dice(seed) {
  let state = BigInt(seed);
  return (limit) => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number((state >> 33n) % BigInt(limit));
  };
}

/** Sizes as in a home directory: most files are small, most bytes are in few files. `total` bytes in all. */
function mixture(total) {
  const roll = dice(1);
  const sizes = [];
  for (let n = 0; n < total / (512 * KiB); n++) sizes.push(roll(64 * KiB)); // about a sixteenth of the bytes
  for (let n = 0; n < total / (8 * MiB); n++) sizes.push(256 * KiB + roll(3 * MiB)); // about a fifth
  const rest = total - sizes.reduce((sum, size) => sum + size, 0);
  const large = [0.4, 0.3, 0.2].map((share) => Math.floor(rest * share));
  return [...sizes, ...large, rest - large.reduce((sum, size) => sum + size, 0)];
}

/**
 * Each path of a source is sent by a copy of its own, all of them at once.
 * @typedef {{ paths: string[], bytes: number, files: number, digest?: string }} Source
 * @typedef {{ size: number, files: number, fileSize: number, treeSize: number, partSize: number }} Sizes
 * @typedef {{ name: string, kind: "file" | "folder" | "files", title(sizes: Sizes): string,
 *   bytes(sizes: Sizes): number, make(directory: string, sizes: Sizes): Promise<Source> }} Workload
 */

/** @type {Workload[]} */
export const workloads = [
  {
    name: "large",
    kind: "file",
    title: ({ size }) => `one file of ${binary(size)}`,
    bytes: ({ size }) => size,
    async make(directory, { size }) {
      const target = path.join(directory, "large.bin");
      await scribe(1)(target, size);
      return { paths: [target], bytes: size, files: 1 };
    },
  },
  {
    name: "small",
    kind: "folder",
    title: ({ files, fileSize }) => `a folder of ${files} files of ${binary(fileSize)}`,
    bytes: ({ files, fileSize }) => files * fileSize,
    async make(directory, { files, fileSize }) {
      const target = path.join(directory, "small");
      await mkdir(target);
      const write = scribe(2);
      for (let n = 0; n < files; n++) await write(path.join(target, `${n}.bin`), fileSize);
      return { paths: [target], bytes: files * fileSize, files };
    },
  },
  {
    name: "mixed",
    kind: "folder",
    title: ({ treeSize }) => `a tree of ${mixture(treeSize).length} files of mixed sizes, ${binary(treeSize)} in all`,
    bytes: ({ treeSize }) => treeSize,
    async make(directory, { treeSize }) {
      const target = path.join(directory, "mixed");
      const roll = dice(2);
      const write = scribe(3);
      const sizes = mixture(treeSize);
      for (const [n, size] of sizes.entries()) {
        const folder = path.join(target, `${roll(8)}`, `${roll(4)}`, `${roll(2)}`);
        await mkdir(folder, { recursive: true });
        await write(path.join(folder, `${n}.bin`), size);
      }
      return { paths: [target], bytes: treeSize, files: sizes.length };
    },
  },
  {
    name: "parallel",
    kind: "files",
    title: ({ partSize }) => `${AT_ONCE} transfers at once, each one file of ${binary(partSize)}`,
    bytes: ({ partSize }) => AT_ONCE * partSize,
    async make(directory, { partSize }) {
      const paths = Array.from({ length: AT_ONCE }, (_, n) => path.join(directory, `part${n}.bin`));
      const write = scribe(4);
      for (const target of paths) await write(target, partSize);
      return { paths, bytes: AT_ONCE * partSize, files: AT_ONCE };
    },
  },
];
