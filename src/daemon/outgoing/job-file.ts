/**
 * Reads the files of jobs at the start. Synchronously, and so in this file of its
 * own: nothing else goes on then, and ten thousand small files, read with
 * promises, take several times as long and leave as much garbage.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";

/** Above what a request for ten thousand paths becomes (bytes). */
const MAX_JOB = 32 * 1024 * 1024;
// Without O_NONBLOCK opening a FIFO would wait for a writer.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Its text; undefined when there is no such file. Throws what is wrong with it. */
export function readJobFile(path: string): string | undefined {
  const file = open(path);
  if (file === undefined) return undefined;
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new Error("it is not a regular file");
    if (found.size > MAX_JOB) throw new Error("it is too large");
    const content = Buffer.allocUnsafe(found.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < content.length; length += read) {
      read = readSync(file, content, length, content.length - length, length);
    }
    return content.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, FLAGS);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw systemCode(error) === "ELOOP" ? new Error("it is a symbolic link") : error;
  }
}
