// What is sent. A workload makes its source anew from random bytes, so that
// nothing can be compressed or known from before.

import { randomFillSync } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import path from "node:path";

const CHUNK = 8 * 1024 ** 2;

function binary(bytes) {
  const [unit, power] = bytes < 1024 ** 2 ? ["KiB", 1] : ["MiB", 2];
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${unit}`;
}

/**
 * @typedef {{ path: string, bytes: number, files: number }} Source
 * @typedef {{ size: number, files: number, fileSize: number }} Sizes
 */

export const workloads = [
  {
    name: "large",
    kind: "file",
    title: ({ size }) => `one file of ${binary(size)}`,
    bytes: ({ size }) => size,
    /** @returns {Promise<Source>} */
    async make(directory, { size }) {
      const target = path.join(directory, "large.bin");
      const file = await open(target, "wx");
      const chunk = Buffer.allocUnsafe(CHUNK);
      for (let left = size; left > 0; left -= CHUNK) {
        await file.write(randomFillSync(chunk), 0, Math.min(left, CHUNK));
      }
      await file.close();
      return { path: target, bytes: size, files: 1 };
    },
  },
  {
    name: "small",
    kind: "folder",
    title: ({ files, fileSize }) => `a folder with ${files} files of ${binary(fileSize)}`,
    bytes: ({ files, fileSize }) => files * fileSize,
    /** @returns {Promise<Source>} */
    async make(directory, { files, fileSize }) {
      const target = path.join(directory, "small");
      await mkdir(target);
      const content = Buffer.allocUnsafe(fileSize);
      for (let n = 0; n < files; n++) await writeFile(path.join(target, `${n}.bin`), randomFillSync(content));
      return { path: target, bytes: files * fileSize, files };
    },
  },
];
