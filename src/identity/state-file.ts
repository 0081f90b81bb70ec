/**
 * The few small files that say who we are and whom we trust: read with
 * suspicion, written so that a crash or a power cut leaves the old or the new
 * text, never half of one.
 *
 * Every error is E_STATE. What is strange is reported and left as it is:
 * nothing here repairs, changes modes or follows a symbolic link.
 */

import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { LanxferError, systemCode } from "../core/errors.ts";

/** No file comes near this of which nothing else is said. */
const MAX_BYTES = 1024 * 1024;

/** Permission bits of group and others. */
const OTHERS = 0o077;

/** Makes sure that `dir` is a directory that only the user `uid` can enter; creates it if it is missing. */
export async function ensurePrivateDirectory(dir: string, uid: number): Promise<void> {
  const found = await stateErrors(dir, async () => {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return stat(dir);
  });
  refuseOthers(dir, found, uid, "700");
}

/** How a state file is judged. */
export interface Reading {
  /** May throw for what it sees of the opened file. */
  readonly accept?: (found: Stats) => void;
  /** Largest file that is read (bytes). @default 1 MiB */
  readonly most?: number;
  /** What to do about an error that has no better advice. */
  readonly hint: string;
}

/** The text of a regular file, undefined when there is none. */
export async function readStateFile(file: string, { accept, most, hint }: Reading): Promise<string | undefined> {
  try {
    return await readRegularFile(file, most, accept);
  } catch (error) {
    throw error instanceof LanxferError && error.details["hint"] === undefined ? error.with({ hint }) : error;
  }
}

function readRegularFile(
  file: string,
  most = MAX_BYTES,
  accept: (found: Stats) => void = () => {},
): Promise<string | undefined> {
  return stateErrors(file, async () => {
    // Without O_NONBLOCK opening a FIFO would wait for a writer.
    const handle = await openIfThere(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (handle === undefined) return undefined;
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new LanxferError("E_STATE", { path: file, text: "it is not a regular file" });
      if (found.size > most) throw new LanxferError("E_STATE", { path: file, text: "it is too large" });
      accept(found);
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  });
}

/** Throws unless the file or directory belongs to `uid` and is closed to everybody else. `mode` is what to set. */
export function refuseOthers(file: string, found: Stats, uid: number, mode: string): void {
  if (found.uid !== uid) {
    const text = `it belongs to another user (uid ${found.uid})`;
    throw new LanxferError("E_STATE", {
      path: file,
      text,
      hint: `start lanxferd as that user, or chown it to uid ${uid}`,
    });
  }
  if ((found.mode & OTHERS) !== 0) {
    const text = `other users may access it (mode ${(found.mode & 0o777).toString(8)})`;
    throw new LanxferError("E_STATE", {
      path: file,
      text,
      hint: `make sure that nobody read it, then: chmod ${mode} ${file}`,
    });
  }
}

/** Puts `text` in the place of `file`. When it throws, the file is as it was. Call syncDirectory to make it last. */
export async function replaceStateFile(file: string, text: string, mode: number): Promise<void> {
  await stateErrors(file, () => withTemporary(file, text, mode, (temporary) => rename(temporary, file)));
}

/** Creates `file` whole and durable, or returns false because it exists: of several who try, one succeeds. */
export async function createStateFile(file: string, text: string, mode: number): Promise<boolean> {
  const created = await stateErrors(file, () =>
    withTemporary(file, text, mode, (temporary) =>
      link(temporary, file).then(
        () => true,
        (error: unknown) => {
          if (systemCode(error) === "EEXIST") return false;
          throw error;
        },
      ),
    ),
  );
  await syncDirectory(path.dirname(file));
  return created;
}

/** Flushes what was created, renamed and removed in `dir`. */
export async function syncDirectory(dir: string): Promise<void> {
  await stateErrors(dir, async () => {
    const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Writes and flushes a file beside `file`, hands its name to `use`, and leaves none behind. */
async function withTemporary<Result>(
  file: string,
  text: string,
  mode: number,
  use: (temporary: string) => Promise<Result>,
): Promise<Result> {
  const temporary = `${file}.${randomBytes(8).toString("hex")}.tmp`;
  const handle = await open(temporary, "wx", mode);
  try {
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await use(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function openIfThere(file: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(file, flags);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (systemCode(error) !== "ELOOP") throw error;
    throw new LanxferError("E_STATE", { path: file, text: "it is a symbolic link" }, { cause: error });
  }
}

/** Runs `work`; what goes wrong in the system becomes E_STATE about `file`. */
async function stateErrors<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (systemCode(error) === undefined || !(error instanceof Error)) throw error;
    const [text = ""] = error.message.split(", "); // "ENOSPC: no space left on device, write"
    throw new LanxferError("E_STATE", { path: file, text }, { cause: error });
  }
}
